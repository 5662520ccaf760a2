"""A run's folder as history keeps it: no output, no details."""

from __future__ import annotations

from pathlib import Path

from harness.errors import Outcome
from harness.reporting.history.api import CaseRecord, RunRecord, TrackRecord, case_of
from harness.reporting.junit.names import tracks
from harness.reporting.model import load
from harness.reporting.record import BAD, Report, was_run
from harness.reporting.text import line


def read(folder: Path) -> tuple[RunRecord, list[CaseRecord]]:
    """The run in this folder and its tests.

    :raises UsageError: if it is not the folder of a run.
    """
    return of(load(folder, publish=False))


def of(report: Report) -> tuple[RunRecord, list[CaseRecord]]:
    """The same of a report."""
    names = tracks([cell.cell for cell in report.cells])
    cases = [
        case_of(
            test,
            names.get(test.cell, test.cell),
            was_run(test),
            line(test.message) if test.outcome is not Outcome.PASSED else "",
        )
        for test in report.tests
    ]
    record = RunRecord(
        run=report.run,
        folder=str(report.folder),
        started=report.started,
        seconds=report.seconds,
        outcome=report.outcome,
        running=report.running,
        cloud=report.cloud,
        tracks=tuple(
            TrackRecord(names[cell.name], cell.version, cell.cell.source, cell.cell.deployer, cell.cell.location)
            for cell in report.cells
            if not cell.cell.replica_of
        ),
        ran=sum(case.executed for case in cases),
        failed=sum(case.ran and case.outcome in BAD for case in cases),
        flaky=sum(case.outcome is Outcome.FLAKY for case in cases),
        skipped=sum(not case.executed for case in cases),
    )
    return record, cases
