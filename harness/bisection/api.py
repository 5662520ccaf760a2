"""A bisection: a question, candidates in order, and steps that test one candidate each.

Two plug points. A :class:`Walk` lists the candidates between two ends: released versions, or commits of a checkout. A :class:`Runner`
tests one; the real one starts an ordinary ``harness run`` as a child process and reads its exit code and results.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Verdict(StrEnum):
    """What a step says of its candidate."""

    GOOD = "good"
    BAD = "bad"
    UNTESTABLE = "untestable"
    """It did not build or come up, or does not have the test."""


@dataclass(frozen=True)
class Subject:
    """The test that is asked about."""

    suite: str
    name: str
    """As in reports: a spec's text, or a function with its parameters."""
    classname: str = ""
    """Of a Python test, since another module may have a function of this name; a spec's changes with the file that upstream has it in."""
    nodeid: str = ""
    """Where it was given as such."""


@dataclass(frozen=True)
class Candidate:
    """One Kubernetes."""

    name: str
    """A version, or a commit."""
    source: str
    """As ``harness run --source`` takes it."""
    title: str = ""
    """Of a commit."""


@dataclass(frozen=True)
class Step:
    """One tested candidate."""

    candidate: str
    verdict: Verdict
    message: str
    """The test's failure, or why it could not be tested."""
    folder: str
    """Of the run; empty if there was none."""
    seconds: float


class Walk(Protocol):
    """Where candidates come from."""

    def candidates(self, good: str, bad: str) -> tuple[Candidate, ...]:
        """From the good one to the bad one, both included, in order; raises ``UsageError`` if these are no ends of a walk."""
        ...


class Runner(Protocol):
    """Tests candidates."""

    def test(self, candidate: Candidate, subject: Subject, folder: Path) -> Step:
        """Run the test on this candidate, everything it leaves in ``folder``.

        :raises AbortedError: if it was interrupted; then nothing is known of the candidate.
        """
        ...

    def clean(self, folder: Path) -> None:
        """Remove what an interrupted step left running, if anything."""
        ...


@dataclass(frozen=True)
class Answer:
    """What came out."""

    first_bad: Candidate
    last_good: Candidate
    suspects: tuple[Candidate, ...]
    """Untestable ones between the two: the cause may as well be in one of them."""
    steps: tuple[Step, ...]
    """In the order of testing."""

    @property
    def evidence(self) -> Step:
        """The step that found the first bad one."""
        return next(step for step in self.steps if step.candidate == self.first_bad.name)
