"""Finds the two sides: a run of the reports folder, the last green one before it, or a build of Jenkins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError
from harness.reporting.comparison.api import Comparison, Side
from harness.reporting.comparison.compare import compare, paired
from harness.reporting.comparison.past import Past
from harness.reporting.history.api import GOOD, RunRecord
from harness.reporting.history.index import History, history
from harness.reporting.history.read import read
from harness.reporting.jenkins import builds
from harness.runs.folder import RunFolder

LAST_GREEN = "last-green"
_PAST = 200
"""Earlier runs from which ages, noise and flakiness are told."""


def compared(reports: Path, run: str, base: str, environ: Mapping[str, str]) -> Comparison:
    """Run against base.

    :param run: id, folder, ``latest``; or address or saved test report of a Jenkins build.
    :param base: the same, or ``last-green``, or empty for the last green run or else the one before.
    :raises UsageError: if either is not there.
    """
    with history(reports) as past:
        now, record = _side(past, reports, run, environ)
        if base and base != LAST_GREEN:
            then, _ = _side(past, reports, base, environ)
            why = "as asked"
        else:
            then, why = _chosen(past, now, record, strict=base == LAST_GREEN)
        return compare(now, then, _past(past, now, then, record), why)


def baseline(reports: Path, run: Path) -> Comparison | None:
    """A run of this folder against its last green one or the one before; None if it is the first, or no reports folder holds it."""
    if not (reports / "latest").is_symlink():  # a copy of a run's folder somewhere: nothing is written beside it
        return None
    with history(reports) as past:
        record = past.find(run.name)
        if record is None:
            return None
        now = _of_record(past, record)
        try:
            then, why = _chosen(past, now, record, strict=False)
        except UsageError:
            return None
        return compare(now, then, _past(past, now, then, record), why)


def _side(past: History, reports: Path, what: str, environ: Mapping[str, str]) -> tuple[Side, RunRecord | None]:
    if builds.is_address(what):
        return builds.fetch(what, environ), None
    if what.endswith(".json") and Path(what).is_file():
        return builds.load(Path(what)), None
    folder = RunFolder.find(reports, what)
    record = past.find(folder.path.name)
    if record is not None and Path(record.folder).resolve() == folder.path:
        return _of_record(past, record), record
    record, cases = read(folder.path)  # of another reports folder
    return Side(record.run, record.folder, record.started, record.outcome, record.tracks, tuple(cases)), record


def _of_record(past: History, record: RunRecord) -> Side:
    cases = tuple(past.cases(record.run))
    return Side(record.run, record.folder, record.started, record.outcome, record.tracks, cases)


def _chosen(past: History, now: Side, record: RunRecord | None, *, strict: bool) -> tuple[Side, str]:
    if record is None:
        raise UsageError(
            f"{now.label} is a build of Jenkins, so its base must be named",
            hint="give the job's address as well, which stands for its last stable build",
        )
    earlier = [
        other
        for other in reversed(past.runs)
        if not other.running and (other.started, other.run) < (record.started, record.run) and _comparable(now, other)
    ]
    suites = {case.suite for case in now.cases}
    for other in earlier:
        if other.outcome in GOOD and other.ran:
            side = _of_record(past, other)
            if suites & {case.suite for case in side.cases}:
                return side, "the last green run"
    if strict:
        raise UsageError(
            f"no green run before {now.label} has a cell like it", hint="name the base: harness compare RUN BASE"
        )
    for other in earlier:
        if other.ran:
            return _of_record(past, other), "the run before; none before it was green"
    raise UsageError(f"no run before {now.label} has a cell like it", hint="name the base: harness compare RUN BASE")


def _comparable(now: Side, other: RunRecord) -> bool:
    side = Side(other.run, "", 0.0, other.outcome, other.tracks, ())
    return len(paired(now, side)) > 1 or not (now.tracks or other.tracks)


def _past(past: History, now: Side, then: Side, record: RunRecord | None) -> Past:
    """Earlier results under the tracks of both sides, newest first."""
    if record is None:
        return Past()
    tracks = {track.track for side in (now, then) for track in side.tracks}
    earlier = past.before(record, tracks)[:_PAST]
    base = past.find(then.label)
    older = {other.run for other in earlier if base and (other.started, other.run) < (base.started, base.run)}
    return Past(past.outcomes(earlier), frozenset(older))
