"""JUnit as Jenkins, Prow's viewers and the stricter xunit plugin take it; :mod:`.suites` makes the model, :mod:`.xml` writes it."""

from __future__ import annotations

from pathlib import Path

from harness import atomic
from harness.reporting.junit.api import FULL, Flavour
from harness.reporting.junit.suites import suites
from harness.reporting.junit.xml import document
from harness.reporting.record import Report


def write(report: Report, flavour: Flavour = FULL) -> list[Path]:
    """Write every JUnit file of the run, and remove those of an earlier report that no longer have a source.

    :returns: the files, sorted.
    """
    folder = report.folder / flavour.folder
    files = {suite.file: suite for suite in suites(report)}
    for name, suite in files.items():
        atomic.write(folder / name, document(suite, flavour))
    for old in folder.glob("junit_*.xml"):
        if old.name not in files:
            old.unlink()
    return sorted(folder / name for name in files)
