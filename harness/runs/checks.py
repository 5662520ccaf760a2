"""What can be known to be wrong with a selection of tests before anything is created or even built."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import UsageError
from harness.ginkgo.deselected import read_deselected
from harness.ginkgo.durations import FILE, observed
from harness.ginkgo.narrowing import Narrowing
from harness.ginkgo.selection import load_selection
from harness.settings import Settings

CONFORMANCE = "conformance"
"""The suite whose ``--conformance full`` means conformance in the sense of the CNCF."""

_SCHEDULABLE = 2
"""Nodes that "[sig-architecture] Conformance Tests should have at least two untainted nodes" counts."""


def full_conformance(settings: Settings, suites: Sequence[str]) -> bool:
    """Whether all conformance specs are asked for; no suites stand for all."""
    return settings.conformance == "full" and (not suites or CONFORMANCE in suites)


def check_tests(settings: Settings, suites: Sequence[str], folder: Path) -> None:
    """Raise ``UsageError`` for wrong flags, damaged files, skips that have expired, and clusters too small for what is asked.

    :param suites: names of folders in ``folder``; none stand for all.
    """
    narrowing_of(settings)
    read_deselected(settings.deselect_from)
    observed(settings.cache / FILE)
    today = datetime.now(UTC).date()
    for place in [folder / name for name in suites] or [folder]:
        for path in sorted(place.rglob("*specs.yaml")):
            load_selection(path).check_expired(today)
    if full_conformance(settings, suites) and settings.workers < _SCHEDULABLE:
        raise UsageError(
            f"--workers {settings.workers}: full conformance needs {_SCHEDULABLE} schedulable nodes",
            hint=f"--workers {_SCHEDULABLE}, or --conformance fast",
        )


def narrowing_of(settings: Settings) -> Narrowing:
    """The settings' label filter, focus and skip, parsed."""
    return Narrowing.of(settings.label_filter, settings.focus, settings.skip)
