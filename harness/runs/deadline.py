"""One budget for the whole run, with teardown's share kept back: tests are cut first, teardown never.

Harnesses whose limit also covered teardown leaked what they had made as soon as the limit struck.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.errors import AbortedError

Clock = Callable[[], float]
"""Unix time; ``time.time`` outside tests."""

_SHARE = 0.2
_LEAST = 60.0
_MOST = 900.0  # deleting a resource group on Azure takes up to ten minutes


@dataclass(frozen=True)
class Budget:
    """When a run has to stop testing, and when it has to be gone; Unix times."""

    started: float
    tests_end: float
    """Builds, bring-up and tests stop here."""
    end: float
    """Collecting and teardown stop here."""

    @classmethod
    def of(cls, started: float, seconds: float) -> Budget:
        """The budget of a run that started then and may take this long: a fifth is teardown's, 1 to 15 minutes, at most half."""
        kept_back = min(max(seconds * _SHARE, _LEAST), _MOST, seconds / 2)
        return cls(started, started + seconds - kept_back, started + seconds)

    @property
    def tests_deadline(self) -> datetime:
        return datetime.fromtimestamp(self.tests_end, UTC)

    def teardown_deadline(self, now: float) -> datetime:
        """The end, but never less than teardown's share from now: it is not cut because tests overran."""
        return datetime.fromtimestamp(max(self.end, now + self.end - self.tests_end), UTC)


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
