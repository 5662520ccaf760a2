"""A comparison as a value: two sides, and what became of each test between them.

A side is a run of this harness or a build of Jenkins; once read, nothing else knows which. Tests are matched by cell, suite and name. Cells
of one name match; where one side tested another version, so does the only other cell with the same deployer and location.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import INFRASTRUCTURE, Outcome
from harness.reporting.history.api import CaseRecord, TrackRecord


@dataclass(frozen=True)
class Side:
    """One of the two."""

    label: str
    """Run id, or job and build number."""
    place: str
    """Folder or address."""
    started: float
    """Unix time; 0 if unknown."""
    outcome: Outcome
    tracks: tuple[TrackRecord, ...]
    cases: tuple[CaseRecord, ...]

    @property
    def judged(self) -> bool:
        """Whether it says something about the product as a whole: it was not cut short by infrastructure, a defect or a signal."""
        return self.outcome not in (*INFRASTRUCTURE, Outcome.HARNESS, Outcome.ABORTED, Outcome.SKIPPED)


@dataclass(frozen=True)
class Difference:
    """One test that is worth a line."""

    case: CaseRecord
    """Now; of a vanished one, as it was."""
    before: CaseRecord | None = None
    age: int = 0
    """Runs in a row, this one included, in which it has failed; 0 unknown."""
    since: str = ""
    """The first of them."""
    usual: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of a slower one: median of the past, lowest and highest that is within its noise, in seconds."""


@dataclass(frozen=True)
class CommitRange:
    """What lies between the two Kubernetes of a cell."""

    before: str
    """Version as stamped."""
    now: str
    address: str = ""
    """Where to read it; empty if a side has no name in the public repository."""
    commits: tuple[str, ...] = ()
    """One line each, newest first, where a checkout was at hand."""
    more: int = 0
    """Commits beyond those listed."""


@dataclass(frozen=True)
class Shortfall:
    """Fewer tests were executed than are expected."""

    what: str
    """Suite, or track and suite."""
    expected: int
    executed: int


@dataclass(frozen=True)
class Comparison:
    """All of it."""

    run: Side
    base: Side
    why: str
    """How the base was chosen."""
    pairs: tuple[tuple[str, str], ...]
    """(track of the run, track of the base)."""
    new: tuple[Difference, ...] = ()
    """Fails now, did not in the base, and is not known to be flaky."""
    known: tuple[Difference, ...] = ()
    """Fails now, and its past is known to go back and forth."""
    still: tuple[Difference, ...] = ()
    fixed: tuple[Difference, ...] = ()
    flaky: tuple[Difference, ...] = ()
    """Passed now only when repeated."""
    vanished: tuple[Difference, ...] = ()
    """Was executed in the base and does not exist now, though its suite does."""
    unrun: tuple[Difference, ...] = ()
    """Was executed in the base; skipped or not run now."""
    slower: tuple[Difference, ...] = ()
    added: int = 0
    """Tests that the base did not have."""
    ranges: tuple[CommitRange, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    lost: tuple[Shortfall, ...] = ()
    """Suites of a cell that the base executed and that this run does not have, each as a whole."""
    executed: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Suite -> (in the base, now)."""


KINDS = ("new", "known", "still", "fixed", "flaky", "vanished", "unrun", "slower")
"""Lists of a comparison, in order of importance."""

GATES = ("new", "known", "still", "flaky", "vanished", "unrun", "slower")
"""Those that a gate can fail on."""
