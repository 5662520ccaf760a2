"""What is told of a run in a line: in lists of builds nobody reads more."""

from __future__ import annotations

from harness.publishing.api import Publication
from harness.reporting import words
from harness.reporting.record import Report


def publication(report: Report) -> Publication:
    """The publication of a run that is over."""
    badge = f"{words.MARKS[words.kind(report.outcome)]} {words.verdict(report)}"
    cells = ", ".join(f"{cell.version} {cell.cell.deployer} {cell.cell.location}" for cell in report.cells)
    on = f"{cells} on {report.cloud}, by {report.owner}" if cells else f"on {report.cloud}, by {report.owner}"
    return Publication(
        run=report.run,
        folder=report.folder,
        display_name=f"{report.run} {words.verdict(report).lower()}",
        description=f"{badge}: {words.summary(report)}; {on}",
        badge=badge,
    )
