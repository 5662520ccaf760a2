"""The one outcome of a run: the worst of its phases, its tests and the way its processes ended."""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.errors import HarnessError, Outcome
from harness.runs.api import Phase
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.state import RunState, worst

_PYTEST_INTERRUPTED, _PYTEST_INTERNAL, _PYTEST_USAGE = 2, 3, 4


def verdict(folder: RunFolder, code: int, *, aborted: bool) -> Outcome:
    """What became of a run.

    :param code: exit code of pytest, negative if a signal ended it.
    :param aborted: a signal or the deadline cut the run off; it can then never count as passed.
    """
    state = RunState.of(Ledger(folder.ledger).read())
    phases = [
        phase.outcome
        for (_, name), phase in state.phases.items()
        if name != Phase.TEST and phase.outcome not in (None, Outcome.PASSED, Outcome.SKIPPED)
    ]
    results = list(_results(folder))
    seen = [*phases, *results, *([Outcome.ABORTED] if aborted else [])]
    if not seen or worst(seen) in (Outcome.PASSED, Outcome.SKIPPED, Outcome.FLAKY):
        seen += _of_pytest(code)
    if state.abandoned:
        seen.append(Outcome.LEAK)
    return worst(outcome for outcome in seen if outcome is not None)


def _results(folder: RunFolder) -> Iterator[Outcome]:
    """The latest outcome of every test."""
    latest: dict[tuple[str, str], Outcome] = {}
    lines = folder.results.read_text().splitlines() if folder.results.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            raw = json.loads(line)
            latest[str(raw["cell"]), str(raw["nodeid"])] = Outcome(raw["outcome"])
        except json.JSONDecodeError:  # torn by a kill; that test has no result
            continue
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(f"read {folder.results}", last_seen=f"line {number}: {error}") from error
    yield from latest.values()


def _of_pytest(code: int) -> list[Outcome]:
    """What pytest's own exit code adds when nothing else explains it."""
    if code < 0 or code == _PYTEST_INTERNAL:
        return [Outcome.HARNESS]
    if code in (_PYTEST_INTERRUPTED, _PYTEST_USAGE):
        return [Outcome.ABORTED]
    return [Outcome.FAILED] if code == 1 else []
