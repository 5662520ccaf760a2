"""One budget for the whole run, with teardown's share kept back: tests are cut first, teardown never.

Harnesses whose limit also covered teardown leaked what they had made as soon as the limit struck. What is kept back is what ends of past
runs took (:mod:`harness.runs.history`); up, suites and tests share the rest, since each of them is also limited by the tests' end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from harness.errors import AbortedError, UsageError
from harness.settings import Settings, duration

Clock = Callable[[], float]
"""Unix time; ``time.time`` outside tests."""
Limit = tuple[str, str]
"""What sets a limit, and the duration as it is written; empty if nobody told one."""

_SHARE = 0.2
_LEAST = 60.0
_MOST = 900.0  # deleting a resource group on Azure takes up to ten minutes
MARGIN = 3600.0
"""Seconds from a session's end to the expiry of its groups: more than its teardown may take, in the run's process and then in another."""


@dataclass(frozen=True)
class Budget:
    """When a run has to stop testing, and when it has to be gone; Unix times."""

    started: float
    tests_end: float
    """Builds, bring-up and tests stop here."""
    end: float
    """Collecting and teardown stop here."""

    @classmethod
    def of(cls, started: float, seconds: float, needed: float | None = None) -> Budget:
        """The budget of a run that started then and may take this long.

        :param needed: seconds that ends of past runs took; if nothing is known, a fifth of the run is kept back, 1 to 15 minutes.
            Never less than a minute is kept back, and never more than half.
        """
        wanted = min(seconds * _SHARE, _MOST) if needed is None else needed
        kept_back = min(max(wanted, _LEAST), seconds / 2)
        return cls(started, started + seconds - kept_back, started + seconds)

    @property
    def tests_deadline(self) -> datetime:
        return datetime.fromtimestamp(self.tests_end, UTC)

    def teardown_deadline(self, now: float) -> datetime:
        """The end, but never less than teardown's share from now: it is not cut because tests overran."""
        return datetime.fromtimestamp(max(self.end, now + self.end - self.tests_end), UTC)


def check_order(settings: Settings) -> None:
    """Raise ``UsageError`` unless each limit that is told is shorter than the one around it: run < Jenkins' step < its agent.

    Those of tests and suites are checked where suites are read (:mod:`harness.plugin.timeouts`).
    """
    told = [
        ("--deadline", settings.deadline),
        ("--step-limit", settings.step_limit),
        ("--agent-limit", settings.agent_limit),
    ]
    for (inner, short), (outer, long) in out_of_order(told):
        raise UsageError(
            f"{inner} {short} is not shorter than {outer} {long}, which would end the run before it has cleaned up",
            hint=f"give a shorter {inner}, or a longer limit around it",
        )


def out_of_order(limits: Iterable[Limit]) -> Iterator[tuple[Limit, Limit]]:
    """Each limit that is not shorter than the next around it, with that one; from the inside out, without those that are not told."""
    for inner, outer in pairwise(limit for limit in limits if limit[1]):
        if duration(inner[1]) >= duration(outer[1]):
            yield inner, outer


def remaining(deadline: datetime, clock: Clock = time.time) -> float:
    """Seconds left, not below zero."""
    return max(0.0, deadline.timestamp() - clock())


def check(budget: Budget, attempted: str, clock: Clock = time.time) -> None:
    """Raise ``AbortedError`` when there is no time left to begin this."""
    if clock() >= budget.tests_end:
        raise AbortedError(
            attempted,
            last_seen=f"the run's deadline has passed after {clock() - budget.started:.0f} s",
            hint="give a longer --deadline",
        )
