"""Sorts the tests of two sides into what is new, fixed, still failing, flaky, gone and slower."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from harness.errors import Outcome
from harness.reporting.comparison.api import Comparison, Difference, Shortfall, Side
from harness.reporting.comparison.noise import bounds, slower_than_usual
from harness.reporting.comparison.past import Past, age, restless
from harness.reporting.history.api import GOOD, CaseRecord


def compare(run: Side, base: Side, past: Past, why: str) -> Comparison:
    """Everything but commits and expectations."""
    pairs = paired(run, base)
    names = dict(pairs)
    before = {case.key: case for case in base.cases}
    lists: dict[str, list[Difference]] = defaultdict(list)
    added = 0
    for case in run.cases:
        old = before.get((names.get(case.track, case.track), case.suite, case.test))
        kind, difference = _difference(case, old, past)
        added += old is None
        if kind:
            lists[kind].append(difference)
    now = {(names.get(case.track, case.track), case.suite, case.test) for case in run.cases}
    suites = {(track, suite) for track, suite, _ in now}
    missing = [case for case in base.cases if case.executed and case.key not in now]
    lists["vanished"] = [Difference(case, case) for case in missing if (case.track, case.suite) in suites]
    lost = Counter((case.track, case.suite) for case in missing if (case.track, case.suite) not in suites)
    sorted_lists: dict[str, Any] = {kind: tuple(sorted(found, key=_order)) for kind, found in lists.items()}
    return Comparison(
        run,
        base,
        why,
        tuple(pairs),
        added=added,
        executed=_executed(run, base),
        lost=tuple(Shortfall(".".join(filter(None, what)), number, 0) for what, number in sorted(lost.items())),
        **sorted_lists,
    )


def paired(run: Side, base: Side) -> list[tuple[str, str]]:
    """(track of the run, track of the base) for every cell that both have; tests without a cell pair with each other."""
    theirs = {track.track: track for track in base.tracks}
    pairs = [(track.track, track.track) for track in run.tracks if track.track in theirs]
    rest = [track for track in run.tracks if track.track not in theirs]
    taken = {track for track, _ in pairs}
    for track in rest:
        alike = [
            other.track
            for other in base.tracks
            if other.track not in taken and (other.deployer, other.location) == (track.deployer, track.location)
        ]
        rivals = [other for other in rest if (other.deployer, other.location) == (track.deployer, track.location)]
        if len(alike) == len(rivals) == 1:
            pairs.append((track.track, alike[0]))
    return [*pairs, ("", "")]


def _difference(case: CaseRecord, old: CaseRecord | None, past: Past) -> tuple[str, Difference]:
    results = past.of(case, old)
    failed = past.failed_in_base(old, results)
    if case.bad:
        number, since = age(case, results)
        if failed:
            return "still", Difference(case, old, max(number, 2), since)
        kind = "known" if restless([outcome for _, outcome, _ in results]) else "new"
        return kind, Difference(case, old, number, since)
    if not case.executed:
        return ("unrun" if old is not None and old.executed else ""), Difference(case, old)
    if case.outcome is Outcome.FLAKY:
        return "flaky", Difference(case, old)
    if failed:
        return "fixed", Difference(case, old)
    usual = bounds([seconds for _, outcome, seconds in results if outcome in GOOD])
    if usual is not None and slower_than_usual(case.seconds, usual):
        return "slower", Difference(case, old, usual=usual)
    return "", Difference(case, old)


def _executed(run: Side, base: Side) -> dict[str, tuple[int, int]]:
    now, before = (Counter(case.suite for case in side.cases if case.executed) for side in (run, base))
    return {suite: (before[suite], now[suite]) for suite in sorted({case.suite for case in run.cases} | before.keys())}


def _order(difference: Difference) -> tuple[int, str, str, str]:
    case = difference.case
    return difference.age, case.track, case.suite, case.name
