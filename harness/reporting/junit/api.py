"""One model of what JUnit files hold, and the flavours in which it is written.

``full`` is for Jenkins' junit plugin: properties and times of single cases, attachments. ``portable`` has only what the schema of
Jenkins' stricter xunit plugin (its junit-10.xsd) and other readers allow. Earlier attempts are in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import Outcome
from harness.reporting.api import TestResult
from harness.reporting.record import BAD

OUTCOME = "outcome"
"""Property of a red case whose outcome is not the product's: Jenkins drops ``type``, which has it too."""


@dataclass(frozen=True)
class JunitCase:
    """One ``testcase``."""

    classname: str
    name: str
    outcome: Outcome
    seconds: float
    started: float = 0.0
    """Unix time; 0 if unknown."""
    message: str = ""
    text: str = ""
    """The failure in full."""
    stdout: str = ""
    stderr: str = ""
    earlier: tuple[TestResult, ...] = ()
    """Attempts before the one that decided, oldest first."""
    properties: dict[str, str] = field(default_factory=dict)
    attachments: tuple[str, ...] = ()
    """Absolute paths."""

    @property
    def bad(self) -> bool:
        return self.outcome in BAD


def printed(test: TestResult) -> str:
    """Steps, then output."""
    return "".join(f"[{step.at:8.1f} s] STEP {step.text}\n" for step in test.steps) + test.stdout


@dataclass(frozen=True)
class JunitSuite:
    """One file with one ``testsuite``."""

    file: str
    name: str
    started: float
    """Unix time."""
    cases: tuple[JunitCase, ...]
    properties: dict[str, str]


@dataclass(frozen=True)
class Flavour:
    """What a reader takes."""

    name: str
    folder: str
    """Of the files, in the run's folder."""
    extras: bool
    """Properties and times of cases, attachments."""


FULL = Flavour("full", "artifacts", extras=True)
PORTABLE = Flavour("portable", "portable", extras=False)
FLAVOURS = {flavour.name: flavour for flavour in (FULL, PORTABLE)}
