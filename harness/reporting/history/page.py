"""history.html: every run of a reports folder, and the tests that were not always green, as one file that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.errors import Outcome
from harness.reporting import words
from harness.reporting.history.api import GOOD, Key, RunRecord
from harness.reporting.history.index import History
from harness.reporting.record import BAD

FILE = "history.html"
_FOLDER = Path(__file__).parent.parent / "html"
_COLUMNS = 40
"""Runs side by side in the grid."""
_ROWS = 60
"""Tests in the grid."""


@dataclass(frozen=True)
class Row:
    """A test over the latest runs, newest first; None where it did not run."""

    key: Key
    outcomes: tuple[Outcome | None, ...]

    @property
    def bad(self) -> int:
        return sum(outcome in BAD for outcome in self.outcomes)

    @property
    def rank(self) -> tuple[int, int, Key]:
        """Failing now first, then by how often."""
        newest = next((outcome for outcome in self.outcomes if outcome), None)
        return (newest not in BAD, -self.bad - self.outcomes.count(Outcome.FLAKY), self.key)


def render(past: History) -> str:
    """The whole page."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": words.duration, "kind": words.kind, "moment": words.moment}
    return environment.get_template("history.html.j2").render(**_view(past))


def rows(past: History, runs: Sequence[RunRecord]) -> list[Row]:
    """The tests that were not green in each of these runs, the worst first."""
    columns = {run.run: index for index, run in enumerate(runs)}
    found = []
    for key, results in past.outcomes(runs).items():
        if all(outcome is Outcome.PASSED for _, outcome, _ in results):
            continue
        cells: list[Outcome | None] = [None] * len(runs)
        for run, outcome, _ in results:
            cells[columns[run]] = outcome
        found.append(Row(key, tuple(cells)))
    return sorted(found, key=lambda row: row.rank)


def _view(past: History) -> dict[str, Any]:
    runs = list(reversed(past.runs))
    over = [run for run in runs if not run.running]
    columns = over[:_COLUMNS]
    grid = rows(past, columns)
    most = max((run.ran for run in columns), default=0)
    green = next((run for run in over if run.outcome in GOOD), None)
    return {
        "css": (_FOLDER / "page.css").read_text() + (_FOLDER / "history.css").read_text(),
        "runs": runs,
        "columns": columns,
        "grid": grid[:_ROWS],
        "more": max(0, len(grid) - _ROWS),
        "bars": [_bar(run, most) for run in reversed(columns)],
        "green": green,
        "newest": over[0] if over else None,
        "verdicts": words.VERDICTS,
        "good": sum(run.outcome in GOOD for run in over),
        "over": len(over),
    }


def _bar(run: RunRecord, most: int) -> dict[str, Any]:
    """Heights in percent of the run with most tests."""
    scale = 100.0 / most if most else 0.0
    parts = [("fail", run.failed), ("flaky", run.flaky), ("pass", run.ran - run.failed - run.flaky)]
    return {
        "run": run,
        "parts": [(kind, max(1.5, number * scale), number) for kind, number in parts if number],
    }
