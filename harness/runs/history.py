"""How long the ends of runs took, collecting and deletion together: ``ends.jsonl`` in the cache, one line a run.

What a run keeps back of its deadline comes from here, so a cloud that deletes slowly gets its time and a quick one wastes none.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from harness.runs.api import ENDING
from harness.runs.deadline import Budget
from harness.runs.ledger import Ledger
from harness.runs.state import RunState
from harness.settings import Settings, duration

FILE = "ends.jsonl"
_LAST = 100
"""Runs that count; older ones say little of today's cloud."""
_PERCENTILE = 0.95


def budget_of(settings: Settings, now: float) -> Budget:
    """The budget of a run that starts now."""
    return Budget.of(now, duration(settings.deadline), p95(settings.cache / FILE, settings.cloud))


def agreed_budget(ledger: Ledger, proposed: Budget) -> Budget:
    """The session's budget, the same in each of its processes: that of the first one that says so in the ledger."""
    known = RunState.of(ledger.read()).budget
    if known is not None:
        return Budget(*known)
    ledger.append("budget", started=proposed.started, tests_end=proposed.tests_end, end=proposed.end)
    return proposed


def remember(settings: Settings, state: RunState) -> None:
    """Add what the end of this run took, if it had one; a cache that cannot be written costs only a worse estimate."""
    by_cell: dict[str, float] = {}
    for (cell, phase), found in state.phases.items():
        if phase in ENDING and found.state in ("passed", "failed"):
            by_cell[cell] = by_cell.get(cell, 0.0) + found.seconds
    if not by_cell:
        return
    line = json.dumps({"at": time.time(), "cloud": settings.cloud, "seconds": round(max(by_cell.values()), 3)})
    try:
        settings.cache.mkdir(parents=True, exist_ok=True)
        with (settings.cache / FILE).open("a") as file:
            file.write(line + "\n")  # one short write: lines of two runs do not mix
    except OSError:
        return


def p95(path: Path, cloud: str) -> float | None:
    """Seconds within which 95 of 100 ends on this cloud were over; None if none is known."""
    seconds: list[float] = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            raw = json.loads(line)
            if raw["cloud"] == cloud:
                seconds.append(float(raw["seconds"]))
        except (ValueError, KeyError, TypeError):  # torn
            continue
    last = sorted(seconds[-_LAST:])
    return last[math.ceil(_PERCENTILE * len(last)) - 1] if last else None
