"""Evidence about failures, and what tests left, as the folders of cells hold it; half-written and foreign files are passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.clusters.failures.api import MANIFEST, Evidence, Kept
from harness.clusters.leftovers.api import Leftover, Leftovers
from harness.reporting.api import TestResult
from harness.reporting.record import Collected, Report
from harness.reporting.text import line
from harness.runs.folder import CellFolder, RunFolder

_UNREADABLE = (OSError, ValueError, KeyError, TypeError)


def collected(folder: RunFolder, cell: str) -> Iterator[Collected]:
    """The evidence that is in this cell's folder, first failures first."""
    for path in sorted(folder.cell(cell).failures.glob(f"*/{MANIFEST}")):
        try:
            found = Evidence.load(path)
        except _UNREADABLE:  # it was cut off while it was written
            continue
        yield Collected(
            nodeid=line(found.nodeid, 2_000),
            started=found.started,
            folder=str(path.parent.relative_to(folder.path)),
            files=tuple(Kept(line(kept.name), int(kept.bytes), int(kept.left_out)) for kept in found.files),
            problems=tuple(line(problem) for problem in found.problems),
        )


def left_by_tests(place: CellFolder) -> tuple[tuple[Leftover, ...], tuple[str, ...]]:
    """What tests left in this cell, and where that could not be looked for."""
    try:
        found = Leftovers.load(place.leftovers)
    except _UNREADABLE:  # nobody looked
        return (), ()
    things = tuple(
        replace(item, kind=line(item.kind), name=line(item.name), note=line(item.note)) for item in found.things
    )
    return things, tuple(line(problem) for problem in found.problems)


def evidence_files(report: Report, test: TestResult) -> list[str]:
    """Files about a failure, earlier attempts' included, relative to the run's folder."""
    found = [item for attempt in (test, *test.earlier) if (item := report.evidence(attempt))]
    return [f"{item.folder}/{kept.name}" for item in found for kept in item.files]


def leftover_line(item: Leftover, names: dict[str, str]) -> str:
    """One leftover for people.

    :param names: node id -> name of the test.
    """
    whose = " or ".join(names.get(nodeid, nodeid) for nodeid in item.tests) or "of an unknown test"
    return f"{item.title}: {whose} ({item.why}{'; ' + item.note if item.note else ''})"
