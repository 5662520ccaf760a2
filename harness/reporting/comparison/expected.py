"""How many tests are expected: a job that is green because it no longer tests anything is the worst of all (kubernetes#17079).

The file is YAML::

    tolerance: 2%             # how many fewer may be executed; 0 when not given
    executed:
      v1_37_2-kubeadm-westeurope.conformance: 462     # in this cell; if the run has no such cell, that is 0
      conformance: 455                                # in every other cell of the run

A cell of another version takes the place of one that is missing where a comparison would pair them: alone of its deployer and location.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.reporting.comparison.api import Shortfall, Side
from harness.reporting.comparison.compare import paired
from harness.reporting.history.api import CaseRecord, TrackRecord

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def shortfalls(run: Side, path: Path, *, partial: bool = False) -> tuple[Shortfall, ...]:
    """Where the run executed fewer tests than the file expects.

    :param partial: the run is meant to be a part: cells, and suites of a cell, that it does not have at all are not asked for.
    :raises UsageError: for a file that is not as above.
    """
    expected, tolerance = _read(path)
    counts, there = executed(run), planned(run)
    found = []
    for what, number in expected.items():
        for where, key in _cells(run, expected, what):
            asked = key in there or not partial
            if asked and counts[key] < number * (1 - tolerance):
                found.append(Shortfall(where, number, counts[key]))
    return tuple(found)


def _cells(run: Side, expected: Mapping[str, int], what: str) -> list[tuple[str, tuple[str, str]]]:
    """(as it is called, (track, suite)) of each cell that a line of the file speaks of."""
    named = {track: TrackRecord.named(track) for line in expected if (track := line.rpartition(".")[0])}
    pairs = dict(paired(run, replace(run, tracks=tuple(named.values()))))
    track, dot, suite = what.rpartition(".")
    if dot:
        return [(what, (next((ours for ours, theirs in pairs.items() if theirs == track), track), suite))]
    names = [item.track for item in run.tracks] or [""]
    others = [name for name in names if f"{pairs.get(name, name)}.{what}" not in expected]
    return [(f"{name}.{what}" if len(names) > 1 else what, (name, what)) for name in others]


def executed(run: Side) -> Counter[tuple[str, str]]:
    """(track, suite) -> executed tests; those that need no cluster count in every cell."""
    return _counted(run, [case for case in run.cases if case.executed])


def planned(run: Side) -> Counter[tuple[str, str]]:
    """The same of tests that the run has, executed or not."""
    return _counted(run, run.cases)


def _counted(run: Side, cases: Sequence[CaseRecord]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for case in cases:
        for track in [case.track] if case.track else [item.track for item in run.tracks] or [""]:
            found[track, case.suite] += 1
    return found


def manifest(run: Side) -> str:
    """The file that says: as many as in this run."""
    counts = {".".join(filter(None, key)): number for key, number in sorted(executed(run).items())}
    text: str = yaml.safe_dump({"tolerance": "2%", "executed": counts}, sort_keys=False)
    return f"# executed tests of run {run.label}, by cell and suite; harness compare --expected reads this\n{text}"


def _read(path: Path) -> tuple[dict[str, int], float]:
    try:
        raw = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UsageError(f"--expected {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--expected {path} is not YAML", last_seen=str(error).partition("\n")[0]) from error
    if not isinstance(raw, dict) or not isinstance(raw.get("executed"), dict) or raw.keys() - {"executed", "tolerance"}:
        raise UsageError(
            f"--expected {path}: it must have 'executed' and may have 'tolerance'",
            hint="make one with: harness compare RUN --write-expected FILE",
        )
    return {str(key): _count(path, key, value) for key, value in raw["executed"].items()}, _part(path, raw)


def _count(path: Path, key: Any, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f"--expected {path}: {key}: {value!r} is not allowed", hint="write a whole number")
    return value


def _part(path: Path, raw: dict[str, Any]) -> float:
    text = str(raw.get("tolerance", "0%"))
    match = _PERCENT.fullmatch(text)
    if match is None or float(match[1]) > 100:
        raise UsageError(f"--expected {path}: tolerance: {text!r} is not allowed", hint="write a percentage: 2%")
    return float(match[1]) / 100
