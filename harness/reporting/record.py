"""What is known of a run, as values: the one input of every report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.api import Node
from harness.clusters.failures.api import Kept
from harness.clusters.leftovers.api import Leftover
from harness.errors import EXIT_CODES, INFRASTRUCTURE, Outcome
from harness.reporting.api import TestResult
from harness.runs.api import Cell, Phase

BAD = frozenset({Outcome.FAILED, Outcome.HARNESS, Outcome.ABORTED, Outcome.LEAK, *INFRASTRUCTURE})
"""Outcomes that make a run or a case red."""

NOT_RUN = "not run: "
"""How the message of a planned test without a result begins."""


def was_run(test: TestResult) -> bool:
    """Whether the test got as far as a result of its own."""
    return not test.message.startswith(
        (NOT_RUN, f"{test.cell} did not come up: ")
    )  # the second is the plugin's own skip


@dataclass(frozen=True)
class PhaseRecord:
    """One phase of one cell, or of the run (cell empty)."""

    cell: str
    phase: Phase
    state: str
    """passed, failed, skipped, or running."""
    outcome: Outcome | None
    """None while it runs."""
    started: float
    """Unix time."""
    seconds: float
    message: str = ""
    log_tail: str = ""

    @property
    def bad(self) -> bool:
        return self.outcome in BAD


@dataclass(frozen=True)
class CellRecord:
    """One cell and what became of it."""

    cell: Cell
    version: str
    """Of Kubernetes; the source until the cluster was up."""
    nodes: tuple[Node, ...]
    phases: tuple[PhaseRecord, ...]
    """The latest of each, in the order of :class:`Phase`."""
    logs: tuple[str, ...]
    """Collected files, relative to the run's folder."""
    cluster_facts: dict[str, str]
    leftovers: tuple[Leftover, ...] = ()
    """What tests left in it."""
    unseen: tuple[str, ...] = ()
    """Where leftovers could not be looked for, a sentence each."""

    @property
    def name(self) -> str:
        return self.cell.name

    def phase(self, phase: Phase) -> PhaseRecord | None:
        return next((record for record in self.phases if record.phase is phase), None)


@dataclass(frozen=True)
class Collected:
    """Evidence about one attempt of a test."""

    nodeid: str
    started: float
    folder: str
    """Relative to the run's folder."""
    files: tuple[Kept, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Left:
    """A resource that was announced and is not known to be gone."""

    kind: str
    name: str
    cell: str
    kept_until: float
    """Unix time if it was kept on purpose, else 0."""


@dataclass(frozen=True)
class Report:
    """A run, cleaned of secrets and of what XML forbids; what :func:`harness.reporting.write` returns."""

    folder: Path
    run: str
    cloud: str
    owner: str
    started: float
    """Unix time."""
    ended: float
    """Unix time of the last thing known."""
    running: bool
    """Its owner is alive and at work."""
    outcome: Outcome
    """The worst of all phases and tests."""
    cells: tuple[CellRecord, ...]
    phases: tuple[PhaseRecord, ...]
    """Every phase of the run and of all cells, repeated ones included, in order of time."""
    tests: tuple[TestResult, ...]
    """One a test and cell; those planned that never ran are at the end, see :func:`was_run`."""
    left: tuple[Left, ...]
    warnings: tuple[str, ...]
    collected: tuple[Collected, ...] = ()
    """Evidence about failed tests, in the order in which they failed."""
    why: tuple[str, ...] = ()
    """What was chosen to run, and for which reason; a sentence each."""
    picked: bool = False
    """Only what a change may break was."""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]

    @property
    def seconds(self) -> float:
        return max(0.0, self.ended - self.started)

    @property
    def counts(self) -> Counter[Outcome]:
        """Tests by outcome."""
        return Counter(test.outcome for test in self.tests)

    @property
    def failed_tests(self) -> list[TestResult]:
        """Everything red, in order of time."""
        return [test for test in self.tests if test.outcome in BAD]

    @property
    def failed_phases(self) -> list[PhaseRecord]:
        """Phases that went wrong for a reason of their own: a test phase is red because its tests are."""
        latest = [record for cell in self.cells for record in cell.phases]
        own = [record for record in self.phases if not record.cell]
        return [
            record
            for record in (*own, *latest)
            if record.bad and not (record.phase is Phase.TEST and record.outcome is Outcome.FAILED)
        ]

    def evidence(self, test: TestResult) -> Collected | None:
        """What was collected about this attempt of a test."""
        return next(
            (item for item in self.collected if (item.nodeid, item.started) == (test.nodeid, test.started)), None
        )

    @property
    def ran(self) -> list[TestResult]:
        """Tests that really ran."""
        return [test for test in self.tests if was_run(test) and test.outcome is not Outcome.SKIPPED]

    def slowest(self, number: int) -> list[TestResult]:
        return sorted(self.ran, key=lambda test: -test.seconds)[:number]

    def groups(self) -> dict[tuple[str, str], list[TestResult]]:
        """(cell, suite) -> tests, in the order of the plan."""
        groups: dict[tuple[str, str], list[TestResult]] = {}
        for test in sorted(self.tests, key=lambda test: (test.cell, test.suite)):
            groups.setdefault((test.cell, test.suite), []).append(test)
        return groups
