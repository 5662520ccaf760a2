"""Projections of a run's folder; :func:`write` makes all of them, again at any time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.reporting.record import Report


def write(run_folder: Path) -> Report:
    """Write JUnit, HTML, Markdown, started.json and finished.json of the run in this folder, each by one rename.

    :returns: what was reported: totals, outcome, exit code.
    :raises UsageError: if it is not the folder of a run.
    """
    from harness.reporting.writer import write_all  # workers import this package for its contract only, many at a time

    return write_all(run_folder)[0]
