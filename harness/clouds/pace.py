"""One view of the subscription's request budget for every process of this host.

ARM answers each request with what is left of the subscription's budget (reads, writes and deletes are separate token buckets), and with
429 and ``Retry-After`` when nothing is. What any process learns is in one small file, so that all slow down before the budget is used up,
and none asks while another was told to wait (:mod:`harness.clouds.waiting`). Compute has far smaller budgets of its own, for each kind of
operation, and says in its answers what is left of those that a request counts against.

Sources: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling,
https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/troubleshooting-throttling-errors
"""

from __future__ import annotations

import fcntl
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PLENTY = 10.0
"""How many times a bucket's ``low`` is plenty."""
_EACH = 5.0
"""With plenty left, it is remembered only so often, in seconds."""
SLOWEST = 2.0
"""Seconds before each request when nothing is left."""
_PROVIDER = re.compile(r"/providers/([^/?]+)", re.IGNORECASE)


@dataclass(frozen=True)
class _Bucket:
    """How a budget behaves."""

    low: float
    """Requests left below which we slow down."""
    refill: float
    """Requests a second that it gets back."""


_BUCKETS = {"reads": _Bucket(50, 25), "writes": _Bucket(50, 10), "deletes": _Bucket(50, 10)}
_OF_PROVIDER = _Bucket(5, 0.5)
"""Compute's smallest: 4 writes and 12 reads a minute of one machine."""


def kind_of(method: str) -> str:
    """The subscription's budget that a request counts against."""
    return "reads" if method in ("GET", "HEAD") else "deletes" if method == "DELETE" else "writes"


def kind_of_provider(method: str, url: str) -> str:
    """The budget of the resource provider that answers; empty if that is ARM itself."""
    found = _PROVIDER.findall(url.partition("?")[0])
    return f"{kind_of(method)} of {found[-1].lower()}" if found else ""


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

    def delay(self, *kinds: str) -> tuple[float, str]:
        """Seconds to wait before a request that counts against these budgets, and why."""
        known = self._read()
        return max((self._delay(kind, known.get(kind) or {}) for kind in kinds), default=(0.0, ""))

    def _delay(self, kind: str, known: dict[str, Any]) -> tuple[float, str]:
        now, bucket = self._clock.now(), _BUCKETS.get(kind, _OF_PROVIDER)
        blocked = float(known.get("until", 0.0)) - now
        if blocked > 0:
            return blocked, f"Azure takes no {kind} of this subscription"
        if "left" not in known:
            return 0.0, ""
        left = float(known["left"]) + (now - float(known["at"])) * bucket.refill
        seconds = max(0.0, 1 - left / bucket.low) * SLOWEST
        return seconds, f"{max(0.0, left):.0f} {kind} left of this subscription's budget"

    def learn(self, kind: str, *, left: float | None = None, wait: float = 0.0) -> None:
        """Remember what an answer said: requests left, or seconds in which none is taken."""
        now = self._clock.now()
        plenty = left is not None and left > _PLENTY * _BUCKETS.get(kind, _OF_PROVIDER).low and not wait
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
