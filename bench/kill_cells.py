"""The kill matrix: a signal, to one of a run's processes, in one of its phases, and the exit code that it must end in."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

PHASES = ("build", "deploying", "joining", "readiness", "testing", "collecting", "deleting", "reporting")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
LIVES = {
    "controller": PHASES[:-1],  # pytest is gone when reports are written
    "worker": ("deploying", "joining", "readiness", "testing"),  # started after the build, gone before teardown
    "supervisor": PHASES,
    "server": PHASES,
}
"""Process -> phases in which it is there."""


@dataclass(frozen=True)
class Kill:
    """One cell of the matrix."""

    phase: str
    victim: str
    number: signal.Signals

    def __str__(self) -> str:
        return f"{self.phase}-{self.victim}-{self.number.name}"

    @property
    def codes(self) -> tuple[int, ...]:
        """Exit codes that ``harness run`` may end with: a run whose server dies goes on; one that collects has a failed test."""
        hard = self.number is signal.SIGKILL
        match self.victim:
            case "supervisor":
                return (-signal.SIGKILL if hard else 2,)
            case "server":
                return (1 if self.phase == "collecting" else 0,)
            case "worker" if hard and self.phase != "testing":
                return (4, 0)  # it may have had no test yet, and is replaced
        return (4 if hard else 2,)


def every() -> Iterator[Kill]:
    """All cells."""
    for victim, number in product(LIVES, SIGNALS):
        for phase in LIVES[victim]:
            yield Kill(phase, victim, number)


def quick() -> Iterator[Kill]:
    """Those that run each time: the two signals that matter most everywhere, the two others where they could differ."""
    for kill in every():
        usual = kill.number in (signal.SIGTERM, signal.SIGKILL)
        if usual or kill.phase in ("testing", "deleting"):
            yield kill
