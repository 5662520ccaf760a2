"""Where bars lie: phases and tests over time as percentages of a chart's width, so that the same SVG fits a phone and a printer."""

from __future__ import annotations

import json
from dataclasses import dataclass

from harness.reporting.api import TestResult
from harness.reporting.record import PhaseRecord, Report
from harness.reporting.words import duration, kind

_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MOST_TICKS = 6
_THINNEST = 0.25
_ROOM = 40.0
"""Percent of the width that a text beside a bar needs on a phone."""


@dataclass(frozen=True)
class Bar:
    """One span; ``left``, ``width`` and ``text_at`` in percent."""

    left: float
    width: float
    kind: str
    title: str
    text: str = ""
    text_at: float = 0.0
    anchor: str = "start"


@dataclass(frozen=True)
class Lane:
    """One row."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Chart:
    """Rows over one span of time."""

    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    """(percent, label)."""
    seconds: float


@dataclass(frozen=True)
class Matrix:
    """Who reached whom."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[tuple[bool, str], ...], ...]


def phases(report: Report) -> list[tuple[str, Chart]]:
    """(name, phases over the run's whole time, a row each), one a cell; the run's own stand with a single cell."""
    names = [cell.name for cell in report.cells]
    parts = (
        [(names[0], {"", names[0]})] if len(names) == 1 else [("the run", {""}), *((name, {name}) for name in names)]
    )
    return [(title, chart) for title, cells in parts if (chart := _phases(report, cells)).lanes]


def _phases(report: Report, cells: set[str]) -> Chart:
    span = report.seconds or 1.0
    rows: dict[str, list[Bar]] = {}
    for record in report.phases:
        if record.cell in cells and record.started and record.state != "skipped":
            rows.setdefault(record.phase, []).append(_phase_bar(record, report.started, span))
    return Chart(tuple(Lane(name, tuple(bars)) for name, bars in rows.items()), _ticks(span, 0.0), span)


def workers(report: Report) -> Chart | None:
    """What each worker ran when, over the time in which tests ran; None if none did."""
    tests = [test for test in report.ran if test.started]
    if not tests:
        return None
    start = min(test.started for test in tests)
    span = max(max(test.started + test.seconds for test in tests) - start, 0.001)
    lanes: dict[str, list[Bar]] = {}
    for test in sorted(tests, key=lambda test: (_natural(test.worker), test.started)):
        lanes.setdefault(test.worker or "main", []).append(_test_bar(test, start, span))
    ticks = _ticks(span, 0.0)
    return Chart(tuple(Lane(name, tuple(bars)) for name, bars in lanes.items()), ticks, span)


def matrices(report: Report) -> list[Matrix]:
    """Connectivity matrices that tests left in their properties."""
    found = []
    for test in report.tests:
        matrix = _matrix(test)
        if matrix is not None:
            found.append(matrix)
    return found


def _matrix(test: TestResult) -> Matrix | None:
    try:
        raw = json.loads(test.properties["matrix"])
        rows = tuple(str(row) for row in raw["rows"])
        cells = tuple(tuple(_reached(str(text)) for text in line) for line in raw["cells"])
        return Matrix(test.name, rows, tuple(str(column) for column in raw["columns"]), cells)
    except (KeyError, ValueError, TypeError, AttributeError):  # no matrix, or not one that we know how to draw
        return None


def _reached(text: str) -> tuple[bool, str]:
    """(worked, what to show): empty or beginning with ``ok`` worked."""
    return (True, text.removeprefix("ok").strip() or "ok") if not text or text.startswith("ok") else (False, text)


def _phase_bar(record: PhaseRecord, start: float, span: float) -> Bar:
    left, width = _place(record.started - start, record.seconds, span)
    text = f"{record.phase}  {duration(record.seconds)}"
    right = left + width
    at, anchor = (
        (right + 1, "start") if right < 100 - _ROOM else (left - 1, "end") if left > _ROOM else (left + 1, "inside")
    )
    title = f"{record.phase}: {record.outcome or 'running'}, {duration(record.seconds)}"
    return Bar(left, width, kind(record.outcome), title, text, at, anchor)


def _test_bar(test: TestResult, start: float, span: float) -> Bar:
    left, width = _place(test.started - start, test.seconds, span)
    return Bar(left, width, kind(test.outcome), f"{test.name} ({test.outcome}, {duration(test.seconds)})")


def _place(begin: float, seconds: float, span: float) -> tuple[float, float]:
    left = min(max(100.0 * begin / span, 0.0), 100.0 - _THINNEST)
    width = min(max(100.0 * seconds / span, _THINNEST), 100.0 - left)
    return round(left, 3), round(width, 3)


def _ticks(span: float, offset: float) -> tuple[tuple[float, str], ...]:
    step = next((step for step in _TICKS if span / step <= _MOST_TICKS), _TICKS[-1])
    count = int(span / step)
    return tuple((round(100.0 * (offset + index * step) / span, 3), _tick(index * step)) for index in range(count + 1))


def _tick(seconds: int) -> str:
    if seconds < 60 or seconds % 60:
        return f"{seconds} s" if seconds < 60 else f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds // 60} min" if seconds < 3600 or seconds % 3600 else f"{seconds // 3600} h"


def _natural(worker: str) -> tuple[int, str]:
    digits = "".join(letter for letter in worker if letter.isdigit())
    return (int(digits) if digits else -1, worker)
