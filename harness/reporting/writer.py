"""Every report of a run, in the order in which it would hurt most to lose it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from harness import atomic
from harness.errors import HarnessError
from harness.reporting import junit, markdown, page, prow
from harness.reporting.comparison import sides
from harness.reporting.comparison.api import Comparison
from harness.reporting.model import load
from harness.reporting.record import Report

SUMMARY = "summary.md"


def write_all(run_folder: Path, base: str = "") -> tuple[Report, Comparison | None]:
    """Load once, write everything.

    :param base: what the summary compares with, see :func:`compared`.
    """
    report = load(run_folder)
    junit.write(report)
    prow.write(report)
    atomic.write(report.folder / "index.html", page.render(report))
    report, comparison = compared(report, base)
    atomic.write(report.folder / SUMMARY, markdown.render(report, comparison))
    return report, comparison


def compared(report: Report, base: str) -> tuple[Report, Comparison | None]:
    """The run against another; what keeps that from being told is a warning of the report.

    :param base: a run, a build of Jenkins or a job; or nothing, for the last green run beside this one.
    """
    try:
        found = _against(report, base)
    except (HarnessError, OSError) as error:
        what = f"with {base}" if base else "with earlier runs"
        return replace(report, warnings=(*report.warnings, f"not compared {what}: {error}")), None
    if found and report.picked:  # what a change cannot break was not run, and is not gone
        found = replace(found, vanished=(), lost=())
    return report, found


def _against(report: Report, base: str) -> Comparison | None:
    reports = report.folder.parent
    return (
        sides.compared(reports, report.folder.name, base, os.environ)
        if base
        else sides.baseline(reports, report.folder)
    )
