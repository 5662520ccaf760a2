"""Finds the two sides: a run of the reports folder, the last green one before it, or a build of Jenkins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.reporting.comparison.api import Comparison, Side
from harness.reporting.comparison.compare import compare, paired
from harness.reporting.comparison.past import Past
from harness.reporting.history.api import GOOD, RunRecord
from harness.reporting.history.index import History, history
from harness.reporting.history.read import read
from harness.reporting.jenkins import builds, job
from harness.reporting.jenkins.job import LAST_GREEN, TestedBuild
from harness.runs.folder import RunFolder

_PAST = 200
"""Earlier runs from which ages, noise and flakiness are told."""


@dataclass(frozen=True)
class _Found:
    """A side, and where more of its kind are."""

    side: Side
    record: RunRecord | None = None
    """Of a run in the reports folder."""
    build: TestedBuild | None = None
    """Of a build that Jenkins still has."""


def compared(reports: Path, run: str, base: str, environ: Mapping[str, str]) -> Comparison:
    """Run against base.

    :param run: id, folder, ``latest``; or address or saved test report of a Jenkins build.
    :param base: the same, or ``last-green``, or empty for the last green run or else the one before.
    :raises UsageError: if either is not there.
    """
    with history(reports) as past:
        now = _side(past, reports, run, environ)
        before = job.earlier(now.build, environ) if now.build else ()
        if base and base != LAST_GREEN:
            then, why = _side(past, reports, base, environ), "as asked"
            if then.build and not now.build:
                before = (then.build, *job.earlier(then.build, environ))
        elif now.build:
            then, why = _chosen_build(now.side, before, strict=base == LAST_GREEN)
        else:
            then, why = _chosen(past, now, strict=base == LAST_GREEN)
        return compare(now.side, then.side, _past(past, now, then.side, before), why)


def baseline(reports: Path, run: Path) -> Comparison | None:
    """A run of this folder against its last green one or the one before; None if it is the first, or no reports folder holds it."""
    if not (reports / "latest").is_symlink():  # a copy of a run's folder somewhere: nothing is written beside it
        return None
    with history(reports) as past:
        record = past.find(run.name)
        if record is None:
            return None
        now = _Found(_of_record(past, record), record)
        try:
            then, why = _chosen(past, now, strict=False)
        except UsageError:
            return None
        return compare(now.side, then.side, _past(past, now, then.side, ()), why)


def _side(past: History, reports: Path, what: str, environ: Mapping[str, str]) -> _Found:
    if builds.is_address(what):
        build = job.fetch(what, environ)
        return _Found(build.side, build=build)
    if what.endswith(".json") and Path(what).is_file():
        return _Found(builds.load(Path(what)))
    folder = RunFolder.find(reports, what)
    record = past.find(folder.path.name)
    if record is not None and Path(record.folder).resolve() == folder.path:
        return _Found(_of_record(past, record), record)
    record, cases = read(folder.path)  # of another reports folder
    return _Found(Side(record.run, record.folder, record.started, record.outcome, record.tracks, tuple(cases)), record)


def _of_record(past: History, record: RunRecord) -> Side:
    cases = tuple(past.cases(record.run))
    return Side(record.run, record.folder, record.started, record.outcome, record.tracks, cases)


def _chosen_build(now: Side, earlier: Sequence[TestedBuild], *, strict: bool) -> tuple[_Found, str]:
    """The last stable build before this one; unless that was asked for, else the one before."""
    stable = next((build for build in earlier if build.stable), None)
    if stable:
        return _Found(stable.side, build=stable), "the last stable build"
    if strict or not earlier:
        kind = "stable build" if strict else "build"
        raise UsageError(
            f"no {kind} with test results before {now.label} is among the newest {job.LISTED} of its job",
            hint="name the base: harness compare RUN BASE",
        )
    return _Found(earlier[0].side, build=earlier[0]), "the build before; none before it was stable"


def _chosen(past: History, found: _Found, *, strict: bool) -> tuple[_Found, str]:
    now, record = found.side, found.record
    if record is None:
        raise UsageError(
            f"{now.label} is a saved test report, so its base must be named",
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
                return _Found(side, other), "the last green run"
    if strict:
        raise UsageError(
            f"no green run before {now.label} has a cell like it", hint="name the base: harness compare RUN BASE"
        )
    for other in earlier:
        if other.ran:
            return _Found(_of_record(past, other), other), "the run before; none before it was green"
    raise UsageError(f"no run before {now.label} has a cell like it", hint="name the base: harness compare RUN BASE")


def _comparable(now: Side, other: RunRecord) -> bool:
    side = Side(other.run, "", 0.0, other.outcome, other.tracks, ())
    return len(paired(now, side)) > 1 or not (now.tracks or other.tracks)


def _past(past: History, now: _Found, then: Side, earlier: Sequence[TestedBuild]) -> Past:
    """Earlier results under the tracks of both sides, newest first; of the reports folder and of the job, as far as they are at hand."""
    local: list[RunRecord] = []
    if now.record is not None:
        tracks = {track.track for side in (now.side, then) for track in side.tracks}
        local = past.before(now.record, tracks)[:_PAST]
    results = past.outcomes(local)
    began = {record.run: record.started for record in local} | {item.side.label: item.side.started for item in earlier}
    for build in earlier:
        for case in build.side.cases:
            if case.executed:
                results.setdefault(case.key, []).append((build.side.label, case.outcome, case.seconds))
    if local and earlier:
        for rows in results.values():
            rows.sort(key=lambda row: -began[row[0]])
    older = {label for label, at in began.items() if at < then.started and label != then.label}
    return Past(results, frozenset(older))
