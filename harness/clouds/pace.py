"""One view of the subscription's request budget for every process of this host.

ARM answers each request with what is left of the subscription's budget (reads, writes and deletes are separate token buckets), and with
429 and ``Retry-After`` when nothing is. What any process learns is in one small file, so that all slow down before the budget is used up,
and none asks while another was told to wait (:mod:`harness.clouds.waiting`).

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOW = 50.0
"""Requests left below which we slow down."""
_PLENTY = 500.0
_EACH = 5.0
"""With plenty left, it is remembered only so often, in seconds."""
SLOWEST = 2.0
"""Seconds before each request when nothing is left."""
_REFILL = {"reads": 25.0, "writes": 10.0, "deletes": 10.0}
"""Requests a second that the bucket gets back."""


def kind_of(method: str) -> str:
    """The budget that a request counts against."""
    return "reads" if method in ("GET", "HEAD") else "deletes" if method == "DELETE" else "writes"


@dataclass(frozen=True)
class Clock:
    """Time, as a test may replace it."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


class Pace:
    """The view of one subscription, in a file that many processes share; without a file, of this process alone."""

    def __init__(self, path: Path | None, clock: Clock | None = None) -> None:
        self._path = path
        self._clock = clock or Clock()
        self._own: dict[str, Any] = {}
        self._learnt: dict[str, float] = {}
        """Kind -> when it was last remembered that there is plenty."""

    def delay(self, kind: str) -> tuple[float, str]:
        """Seconds to wait before a request of this kind, and why."""
        known = self._read().get(kind) or {}
        now = self._clock.now()
        blocked = float(known.get("until", 0.0)) - now
        if blocked > 0:
            return blocked, f"Azure takes no {kind} of this subscription"
        if "left" not in known:
            return 0.0, ""
        left = float(known["left"]) + (now - float(known["at"])) * _REFILL[kind]
        return max(0.0, 1 - left / _LOW) * SLOWEST, f"{max(0.0, left):.0f} {kind} left of this subscription's budget"

    def learn(self, kind: str, *, left: float | None = None, wait: float = 0.0) -> None:
        """Remember what an answer said: requests left, or seconds in which none is taken."""
        now = self._clock.now()
        plenty = left is not None and left > _PLENTY and not wait
        if plenty and now - self._learnt.get(kind, -_EACH) < _EACH:
            return
        self._learnt[kind] = now if plenty else -_EACH
        news: dict[str, float] = {}
        if left is not None:
            news |= {"left": left, "at": now}
        if wait:
            news |= {"until": now + wait}
        if news:
            self._change(kind, news)

    def _change(self, kind: str, news: dict[str, float]) -> None:
        if self._path is None:
            self._own[kind] = {**self._own.get(kind, {}), **news}
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known = _parsed(file.read())
            before = known.get(kind, {})
            until = max(float(before.get("until", 0.0)), news.get("until", 0.0))
            known[kind] = {**before, **news, "until": until}
            file.truncate(0)
            file.write(json.dumps(known))

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return self._own
        try:
            with self._path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return _parsed(file.read())
        except FileNotFoundError:
            return {}


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:  # torn by a kill: what it said is learnt again from the next answer
        return {}
    return found if isinstance(found, dict) else {}
