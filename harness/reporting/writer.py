"""Every report of a run, in the order in which it would hurt most to lose it."""

from __future__ import annotations

from pathlib import Path

from harness.reporting import atomic, junit, page, prow
from harness.reporting.model import load
from harness.reporting.record import Report


def write_all(run_folder: Path) -> Report:
    """Load once, write everything."""
    report = load(run_folder)
    junit.write(report)
    prow.write(report)
    atomic.write(report.folder / "index.html", page.render(report))
    return report
