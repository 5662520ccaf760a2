"""Runs of the past as values: what is known of each without its texts, so that hundreds are at hand at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import Outcome
from harness.reporting.api import TestResult
from harness.reporting.record import BAD

Key = tuple[str, str, str]
"""Track, suite, test: what stays the same from run to run."""

_TRACK = re.compile(r"(?P<version>.+)-(?P<deployer>[A-Za-z_]+)-(?P<location>[a-z0-9]+)")

GOOD = (Outcome.PASSED, Outcome.FLAKY)
PRODUCT = (*GOOD, Outcome.FAILED)
"""Outcomes of a test that say something about the product; after any other, nothing is known of it."""


@dataclass(frozen=True)
class TrackRecord:
    """One cell of a run, under the name its history goes by."""

    track: str
    """See :mod:`harness.reporting.junit.names`."""
    version: str
    """As stamped: ``v1.37.2``, ``v1.38.0-alpha.1.42+0123456789abcd``."""
    source: str
    deployer: str
    location: str

    @classmethod
    def named(cls, track: str) -> TrackRecord:
        """What a name alone says; all but the name is empty if it is not made as :func:`harness.reporting.junit.names.track` does."""
        match = _TRACK.fullmatch(track)
        if match is None:
            return cls(track, "", "", "", "")
        exact = match["version"].startswith("v1_")
        return cls(track, match["version"].replace("_", ".") if exact else "", "", match["deployer"], match["location"])


@dataclass(frozen=True)
class RunRecord:
    """One run."""

    run: str
    folder: str
    started: float
    """Unix time."""
    seconds: float
    outcome: Outcome
    running: bool
    cloud: str
    tracks: tuple[TrackRecord, ...]
    ran: int
    failed: int
    flaky: int
    skipped: int


@dataclass(frozen=True)
class CaseRecord:
    """What became of one test on one cell."""

    track: str
    """Empty for a test that needs no cluster."""
    suite: str
    test: str
    """Identity within the suite, see :func:`identity`."""
    name: str
    classname: str
    outcome: Outcome
    seconds: float
    message: str = ""
    ran: bool = True
    """It got as far as a result of its own."""
    age: int = 0
    """Of a failure, as the builds say it that were asked: 1 is new; 0 unknown."""

    @property
    def key(self) -> Key:
        return self.track, self.suite, self.test

    @property
    def bad(self) -> bool:
        return self.ran and self.outcome in BAD

    @property
    def executed(self) -> bool:
        return self.ran and self.outcome is not Outcome.SKIPPED


def identity(name: str, classname: str) -> str:
    """A spec is known by its own text, which outlives the file it stands in; any other test by its module as well."""
    return name if is_spec(name) else f"{classname}::{name}"


def is_spec(name: str) -> bool:
    """Whether a test of this name is one of upstream's, whose texts begin with their SIG."""
    return name.startswith("[")


def case_of(test: TestResult, track: str, ran: bool, message: str) -> CaseRecord:
    """The record of a result."""
    return CaseRecord(
        track, test.suite, identity(test.name, test.classname), test.name, test.classname, test.outcome, test.seconds,
        message, ran,
    )  # fmt: skip
