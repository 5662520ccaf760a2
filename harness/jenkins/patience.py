"""How often something is tried and looked at, and until when; time is given, so that tests need none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from harness.errors import AbortedError, HarnessError
from harness.jenkins.errors import UnreachableError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Pace:
    """Seconds between attempts, growing from the first to the longest."""

    first: float = 0.5
    longest: float = 10.0
    settle: float = 60.0
    """For so long an order is looked for whose answer was lost: a proxy may hand it over late. At least as long as an answer may take."""
    answer: float = 60.0
    """For so long Jenkins may be silent within one answer."""
    connect: float = 10.0

    def pause(self, attempt: int) -> float:
        return min(self.first * 2.0 ** min(attempt, 16), self.longest)


@dataclass(frozen=True)
class Patience:
    """A pace and an end."""

    until: float
    """On the clock."""
    pace: Pace = Pace()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = field(default=lambda _: None)

    @property
    def left(self) -> float:
        return max(0.0, self.until - self.clock())

    def wait(self, attempt: int, what: str, seen: str, hint: str, least: float = 0.0) -> None:
        """Wait before the next attempt, which is number ``attempt`` + 1.

        :raises AbortedError: if the deadline is nearer than that.
        """
        seconds = max(self.pace.pause(attempt), least)
        if seconds >= self.left:
            raise AbortedError(what, awaited="the deadline", last_seen=seen, hint=hint)
        self.sleep(seconds)

    def insist(self, what: str, ask: Callable[[], _T]) -> _T:
        """The answer to something that can be asked again, however often it takes."""
        attempt = 0
        while True:
            try:
                return ask()
            except UnreachableError as error:
                self.tell(f"{error.last_seen}; trying again")
                try:
                    self.wait(attempt, what, error.last_seen, error.hint, error.wait)
                except AbortedError as over:
                    raise exhausted(error, attempt + 1) from over
                attempt += 1


def exhausted(error: UnreachableError, attempts: int) -> HarnessError:
    """The same error, with how often it was met: it is that of an infrastructure, not of a deadline."""
    return UnreachableError(
        error.attempted,
        arrived=error.arrived,
        awaited=f"an answer, tried {attempts} times until the deadline",
        last_seen=error.last_seen,
        hint=error.hint,
    )
