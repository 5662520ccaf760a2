"""Tests that were planned and have no result: shown, with the reason, so that a lost test is never taken for one that passed.

``planned.json`` is a list, each element a node id or an object with ``nodeid`` and, where known, ``cell``, ``suite``, ``name``
and ``classname``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import Outcome
from harness.reporting.api import TestResult
from harness.reporting.record import NOT_RUN, CellRecord, PhaseRecord
from harness.reporting.text import line
from harness.runs.api import Phase, Plan

_BEFORE_TESTS = (Phase.PLAN, Phase.BUILD, Phase.UP, Phase.READINESS)


def unrun(
    path: Path,
    plan: Plan,
    cells: Sequence[CellRecord],
    phases: Sequence[PhaseRecord],
    results: Iterable[TestResult],
    *,
    running: bool,
    stopped: str,
) -> list[TestResult]:
    """A result for every planned test that has none and will get none.

    :param stopped: what cut the run off, empty if nothing did.
    """
    testing = running and not stopped and not any(record.phase is Phase.DOWN for record in phases)
    done = {(result.cell, result.nodeid) for result in results}
    seen = {nodeid for _, nodeid in done}
    missing = []
    for raw in _read(path):
        test = _test(raw, plan)
        if (test.cell, test.nodeid) in done or (isinstance(raw, str) and test.nodeid in seen):
            continue
        outcome, reason = _reason(test.cell, cells, phases, testing, stopped)
        if outcome is not None:
            missing.append(replace(test, outcome=outcome, message=line(NOT_RUN + reason)))
    return missing


def _reason(
    cell: str, cells: Sequence[CellRecord], phases: Sequence[PhaseRecord], testing: bool, stopped: str
) -> tuple[Outcome | None, str]:
    """Why a test of this cell has no result; outcome None while it may still get one."""
    own = [record for record in phases if not record.cell]
    mine = own + [record for item in cells if item.name == cell or not cell for record in item.phases]
    for record in mine:
        if record.phase in _BEFORE_TESTS and record.bad:
            what = f"{record.cell} never came up: " if record.cell else ""
            return Outcome.SKIPPED, f"{what}{record.phase} failed ({record.outcome}): {record.message}"
    if testing:
        return None, ""
    if stopped:
        return Outcome.ABORTED, f"the run was cut off ({stopped}) before or during this test"
    tests = [record for record in mine if record.phase is Phase.TEST]
    if not tests or any(record.outcome is Outcome.ABORTED for record in tests):
        return Outcome.ABORTED, "the run was cut off before or during this test"
    if any(record.outcome is Outcome.FAILED for record in tests):  # the run is red anyway, so nothing is hidden
        return Outcome.SKIPPED, "the session ended before it, after a failure (-x or --maxfail)"
    return Outcome.HARNESS, "no result was recorded although the run was not cut off; see build-log.txt"


def _read(path: Path) -> list[Any]:
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError):  # collection did not get that far
        return []
    return [item for item in raw if isinstance(item, str | dict)] if isinstance(raw, list) else []


def _test(raw: Any, plan: Plan) -> TestResult:
    given = {"nodeid": raw} if isinstance(raw, str) else {str(key): str(value) for key, value in raw.items()}
    nodeid = line(given.get("nodeid", ""), 2_000)
    file, _, rest = nodeid.partition("::")
    parts = file.split("/")
    suite = parts[parts.index("suites") + 1] if "suites" in parts[:-1] else parts[0]
    named = [cell.name for cell in plan.cells if cell.name in rest]
    only = plan.primary[0].name if len(plan.primary) == 1 else ""
    return TestResult(
        nodeid=nodeid,
        suite=line(given.get("suite", suite)),
        cell=line(given.get("cell", max(named, key=len, default=only))),
        name=line(given.get("name", rest.replace("::", ".") or nodeid), 2_000) or "(no name)",
        classname=line(given.get("classname", f"{suite}.{Path(file).stem}")),
        outcome=Outcome.SKIPPED,
        seconds=0.0,
        started=0.0,
    )
