"""Every report of a run, in the order in which it would hurt most to lose it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.errors import HarnessError
from harness.reporting import atomic, junit, markdown, page, prow
from harness.reporting.comparison.api import Comparison
from harness.reporting.comparison.sides import baseline
from harness.reporting.model import load
from harness.reporting.record import Report

SUMMARY = "summary.md"


def write_all(run_folder: Path) -> Report:
    """Load once, write everything."""
    report = load(run_folder)
    junit.write(report)
    prow.write(report)
    atomic.write(report.folder / "index.html", page.render(report))
    report, comparison = compared(report)
    atomic.write(report.folder / SUMMARY, markdown.render(report, comparison))
    return report


def compared(report: Report) -> tuple[Report, Comparison | None]:
    """The run against the last green one beside it; what keeps that from being told is a warning of the report."""
    try:
        return report, baseline(report.folder.parent, report.folder)
    except (HarnessError, OSError) as error:
        return replace(report, warnings=(*report.warnings, f"not compared with earlier runs: {error}")), None
