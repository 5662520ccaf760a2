"""What is known of a run while it goes on: its ledger and its results, read as they grow."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import Outcome, UsageError
from harness.reporting.api import TestResult
from harness.reporting.record import BAD
from harness.reporting.results import parse
from harness.runs.api import Phase
from harness.runs.folder import RunFolder
from harness.runs.ledger import Entry, Ledger
from harness.runs.plan import load_plan

_UNKNOWN = 20.0
"""Seconds that a test is expected to take of which nothing is known."""

Clock = Callable[[], float]


@dataclass
class CellWatch:
    """The latest about a cell."""

    phase: str = ""
    since: float = 0.0
    state: str = ""
    note: str = ""
    """Latest progress line, or why it failed."""
    ended: float = 0.0


@dataclass(frozen=True)
class News:
    """What came since the last look, in order."""

    entries: tuple[Entry, ...]
    results: tuple[TestResult, ...]


@dataclass
class Watch:
    """Follows one run's folder; files may be missing, torn, and longer than memory is worth."""

    folder: RunFolder
    clock: Clock = time.time
    since: float = 0.0
    """Unix time; what is older counts, but is no news."""
    cells: dict[str, CellWatch] = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    expected: dict[str, float] = field(default_factory=dict)
    """Seconds of every planned test by node id, as far as known."""
    first_test: float = 0.0
    _position: int = 0

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.folder.ledger).follow(poll=0.0)
        self._at_once, self._repeats = _told(self.folder)
        self._done: dict[tuple[str, str], Outcome] = {}

    def look(self) -> News:
        """Read on from where the last look ended."""
        entries = tuple(next(self._ledger))
        for entry in entries:
            self._note(entry)
        results = tuple(self._results())
        for result in results:
            self._count(result)
        if results or not self.expected:
            self.expected = _planned(self.folder.path / "planned.json")
        return News(
            tuple(entry for entry in entries if entry.at >= self.since),
            tuple(result for result in results if not result.started or result.started + result.seconds >= self.since),
        )

    @property
    def done(self) -> int:
        return len(self._done)

    @property
    def failed(self) -> int:
        return sum(self.outcomes[outcome] for outcome in BAD)

    @property
    def planned(self) -> int:
        return len(self.expected)

    @property
    def running(self) -> int:
        """Tests in flight: as many as may run at once, until few are left."""
        return min(self._at_once, max(self.planned - self.done, 0)) if self.testing and self.done else 0

    @property
    def repeating(self) -> bool:
        """Whether tests that failed run again, after all others."""
        return self.testing and self._repeats and self.failed > 0 and self.done >= self.planned

    @property
    def testing(self) -> bool:
        return any(cell.phase == Phase.TEST and cell.state == "started" for cell in self.cells.values())

    @property
    def remaining(self) -> float | None:
        """Seconds until the last test, by what tests are expected to take and how they went so far; None before the first."""
        if not self.testing or not self.done or self.done >= self.planned:
            return None
        finished = {nodeid for _, nodeid in self._done}
        left = sum(seconds for nodeid, seconds in self.expected.items() if nodeid not in finished)
        elapsed = max(self.clock() - self.first_test, 0.1)
        total = sum(self.expected.values()) / self._at_once
        return max(total - elapsed, left / self._at_once)

    def _note(self, entry: Entry) -> None:
        cell = self.cells.setdefault(entry.cell, CellWatch())
        if entry.kind == "progress":
            cell.note = entry.text("text")
        elif entry.kind == "phase":
            state = entry.text("state")
            if state == "started":
                cell.since, cell.note = entry.at, ""
            cell.phase, cell.state = entry.text("phase"), state
            if state != "started":
                cell.ended, cell.note = entry.at, entry.text("message")

    def _results(self) -> list[TestResult]:
        try:
            with self.folder.results.open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        return [result for raw in whole.split(b"\n") if raw and (result := parse(raw))]

    def _count(self, result: TestResult) -> None:
        key = (result.cell, result.nodeid)
        if key in self._done:  # repeated
            self.outcomes[self._done[key]] -= 1
        self._done[key] = result.outcome
        self.outcomes[result.outcome] += 1
        if result.started:  # a worker that died leaves none
            self.first_test = min(self.first_test or result.started, result.started)


def _planned(path: Path) -> dict[str, float]:
    """Node id -> expected seconds; empty while collection is not that far."""
    try:
        raw = json.loads(path.read_bytes())
        plain = [{"nodeid": item} if isinstance(item, str) else item for item in raw]
        return {str(item["nodeid"]): float(item.get("expected", _UNKNOWN)) for item in plain}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _told(folder: RunFolder) -> tuple[int, bool]:
    """Tests at the same time at most, and whether those that fail may run again."""
    try:
        settings = load_plan(folder)[0]
    except UsageError:  # not written yet
        return 1, False
    return settings.tests, bool(settings.reruns or settings.infra_reruns)
