"""Removing what a run made from its ledger alone, in whatever process is left to do it.

The pytest controller, its supervisor, a reaper, ``harness down`` and ``harness sweep`` may all want to. The run's lock lets one of them
do it; the next one finds everything gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from harness.errors import Outcome
from harness.runs.cells import CellWork
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.locks import locked
from harness.runs.memory import connect
from harness.runs.ownership import enter, leave, refuse_strangers
from harness.runs.parts import Parts
from harness.runs.plan import load_plan
from harness.runs.processes import Owner
from harness.runs.state import RunState, worst

SECONDS = 1200.0
"""Limit for taking down one run; deleting a resource group on Azure takes up to ten minutes."""


def teardown(
    folder: RunFolder,
    *,
    kept: bool,
    parts: Parts,
    role: str,
    seconds: float = SECONDS,
    patience: float | None = None,
    choose: Callable[[RunState], Collection[str]] | None = None,
) -> Outcome:
    """Delete what the ledger says is there, cell by cell in parallel, and prove it gone.

    :param kept: also what was kept on purpose.
    :param role: what this process is to the run (:class:`~harness.runs.processes.Owner`).
    :param patience: seconds to wait for the run's lock; ``seconds`` if not given.
    :param choose: names the resources that may go, asked with the run's lock held, just before anything is deleted; all, if not given.
    :returns: PASSED when nothing is left of what may go; the phases are in the ledger. SKIPPED when nothing may.
    :raises UsageError: when another process works on the run.
    :raises HarnessError: when the cloud cannot be opened, or another process holds the run's lock for too long.
    """
    settings, plan = load_plan(folder)
    ledger = Ledger(folder.ledger, ending=True)
    with locked(folder, f"take down run {folder.path.name}", seconds if patience is None else patience):
        state = RunState.of(ledger.read())
        cells = {resource.cell for resource in (state.remaining if kept else state.abandoned).values()}
        if not cells:
            return Outcome.PASSED
        refuse_strangers(folder)
        going = state.names() if choose is None else choose(state)
        if not going:
            return Outcome.SKIPPED
        spared = state.names() - set(going)
        mine = Owner.this() in state.owners
        if not mine:
            enter(folder, role)
        deadline = datetime.fromtimestamp(time.time() + seconds, UTC)
        outcome = Outcome.HARNESS
        try:
            with parts.cloud(plan.cloud)(settings) as cloud:
                connect(cloud, ledger)
                works = [
                    CellWork.of(settings, plan, cell, folder, ledger, cloud, parts)
                    for cell in plan.cells
                    if cell.name in cells
                ]
                for work in works:
                    work.mask_logs()
                outcome = worst(in_parallel([partial(work.down, deadline, spared=spared) for work in works]))
            folder.remove_scratch()
        finally:
            ledger.settled()
            if not mine:
                leave(folder, outcome)
        return outcome


def in_parallel(steps: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
    """Run all of them at once; they are blocking calls to a cloud. Their outcomes, in order."""
    if not steps:
        return []
    with ThreadPoolExecutor(max_workers=len(steps), thread_name_prefix="cell") as pool:
        return [future.result() for future in [pool.submit(step) for step in steps]]
