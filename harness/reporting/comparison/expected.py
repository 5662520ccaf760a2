"""How many tests are expected: a job that is green because it no longer tests anything is the worst of all (kubernetes#17079).

The file is YAML::

    tolerance: 2%             # how many fewer may be executed; 0 when not given
    executed:
      conformance: 462        # in every cell that runs the suite
      v1_36_3-kubeadm-westeurope.conformance: 455     # in this one
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.reporting.comparison.api import Shortfall, Side

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def shortfalls(run: Side, path: Path) -> tuple[Shortfall, ...]:
    """Where the run executed fewer tests than the file expects.

    :raises UsageError: for a file that is not as above.
    """
    expected, tolerance = _read(path)
    counts = executed(run)
    found = []
    for what, number in expected.items():
        track, dot, suite = what.rpartition(".")
        if dot:
            cells = [(what, counts.get((track, suite), 0))] if track in {item.track for item in run.tracks} else []
        else:
            cells = [
                (f"{name}.{what}" if len(run.tracks) > 1 else what, counts.get((name, what), 0))
                for name in [item.track for item in run.tracks] or [""]
                if f"{name}.{what}" not in expected
            ]
        found += [Shortfall(where, number, got) for where, got in cells if got < number * (1 - tolerance)]
    return tuple(found)


def executed(run: Side) -> dict[tuple[str, str], int]:
    """(track, suite) -> executed tests; those that need no cluster count in every cell."""
    counts = Counter((case.track, case.suite) for case in run.cases if case.executed)
    suites = {suite for _, suite in counts}
    tracks = [track.track for track in run.tracks] or [""]
    return {
        (track, suite): counts[track, suite] + (counts["", suite] if track else 0)
        for track in tracks
        for suite in suites
    }


def manifest(run: Side) -> str:
    """The file that says: as many as in this run."""
    counts: dict[str, int] = {}
    for (_, suite), number in executed(run).items():
        counts[suite] = min(number, counts.get(suite, number))
    text: str = yaml.safe_dump({"tolerance": "2%", "executed": dict(sorted(counts.items()))}, sort_keys=False)
    return f"# executed tests of run {run.label}, of each cell; harness compare --expected reads this\n{text}"


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
