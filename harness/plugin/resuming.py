"""A run that was cut off goes on with what has no result yet.

A result counts when the test ended by itself: passed, failed, or skipped for a reason of its own. What was in flight when a process
died, and what was skipped because there was no cluster, runs (again).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import Outcome
from harness.plugin.context import Context
from harness.reporting.record import was_run
from harness.reporting.results import folded, parse

_ENDED = frozenset({Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY, Outcome.SKIPPED})


def finished(results: Path) -> tuple[str, ...]:
    """Node ids of the tests in ``results.jsonl`` that need not run again."""
    lines = results.read_bytes().splitlines() if results.exists() else []
    last = folded([result for line in lines if (result := parse(line))])
    return tuple(result.nodeid for result in last if result.outcome in _ENDED and was_run(result))


def leave_out_finished(session: pytest.Session, context: Context) -> None:
    """Deselect what an earlier process of this run has finished."""
    done = frozenset(context.done)
    gone = [item for item in session.items if item.nodeid in done]
    if gone:
        session.items[:] = [item for item in session.items if item.nodeid not in done]
        session.config.hook.pytest_deselected(items=gone)


def mend(results: Path) -> None:
    """End a line that a killed process left torn, so that the next result does not become part of it."""
    data = results.read_bytes() if results.exists() else b""
    if data and not data.endswith(b"\n"):
        with results.open("ab") as file:
            file.write(b"\n")
