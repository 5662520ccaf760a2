"""Removing what a run made from its ledger alone, in whatever process is left to do it.

The pytest controller, its supervisor, ``harness down`` and ``harness sweep`` may all want to. A lock file per run lets one of them do it;
the next one finds everything gone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import current_thread, main_thread

from filelock import FileLock, Timeout

from harness.clouds.api import Watchable
from harness.errors import AbortedError, Outcome, UsageError
from harness.runs.cells import CellWork
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger, tell
from harness.runs.parts import Parts
from harness.runs.plan import load_plan
from harness.runs.processes import Owner
from harness.runs.state import RunState, worst

SECONDS = 1200.0
"""Limit for taking down one run; deleting a resource group on Azure takes up to ten minutes."""

_POLL = 0.2


def claim(ledger: Ledger, run: str, *, resumed: bool = False) -> None:
    """This process works on the run from here on; ``resumed``: it was cut off before, and what was cut off counts no longer."""
    this = Owner.this()
    ledger.append("run", state="started", run=run, pid=this.pid, pid_started=this.started, resumed=resumed)


def release(ledger: Ledger, run: str, outcome: Outcome) -> None:
    """This process is done with the run."""
    this = Owner.this()
    ledger.append("run", state="ended", run=run, pid=this.pid, pid_started=this.started, outcome=outcome)


def teardown(folder: RunFolder, *, kept: bool, parts: Parts, seconds: float = SECONDS) -> Outcome:
    """Delete what the ledger says is there, cell by cell in parallel, and prove it gone.

    :param kept: also what was kept on purpose.
    :returns: PASSED when nothing is left; the phases are in the ledger.
    :raises HarnessError: when the cloud cannot be opened, or another process holds the run's lock for too long.
    """
    settings, plan = load_plan(folder)
    ledger = Ledger(folder.ledger)
    with _locked(folder, seconds), signals_held():
        state = RunState.of(ledger.read())
        cells = {resource.cell for resource in (state.remaining if kept else state.abandoned).values()}
        if not cells:
            return Outcome.PASSED
        claim(ledger, plan.run)
        deadline = datetime.fromtimestamp(time.time() + seconds, UTC)
        outcome = Outcome.HARNESS
        try:
            with parts.cloud(plan.cloud)(settings) as cloud:
                if isinstance(cloud, Watchable):
                    cloud.watch(partial(tell, ledger, ""))
                works = [
                    CellWork.of(settings, plan, cell, folder, cloud, parts) for cell in plan.cells if cell.name in cells
                ]
                outcome = worst(in_parallel([partial(work.down, deadline) for work in works]))
        finally:
            release(ledger, plan.run, outcome)
        return outcome


def stop_owner(folder: RunFolder, seconds: float) -> None:
    """End whoever still works on the run by SIGTERM, and wait until it has taken its clusters down itself.

    :raises UsageError: when it does not end in time.
    """
    ledger = Ledger(folder.ledger)
    owners = RunState.of(ledger.read()).live_owners()
    until = time.monotonic() + seconds
    for owner in owners:
        if owner.alive:
            _send(owner, signal.SIGTERM)
        while owner.alive:
            if time.monotonic() >= until:
                raise UsageError(
                    f"process {owner.pid} still works on run {folder.path.name}, {seconds:.0f} s after SIGTERM",
                    hint=f"kill -9 {owner.pid}, then try again",
                )
            time.sleep(_POLL)


def in_parallel(steps: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
    """Run all of them at once; they are blocking calls to a cloud. Their outcomes, in order."""
    if not steps:
        return []
    with ThreadPoolExecutor(max_workers=len(steps), thread_name_prefix="cell") as pool:
        return [future.result() for future in [pool.submit(step) for step in steps]]


@contextmanager
def signals_held() -> Iterator[None]:
    """Let SIGINT and SIGTERM pass unheeded inside: a second Ctrl-C must not cut a teardown off. Only the main thread can."""
    if current_thread() is not main_thread():
        yield
        return
    # a function and not SIG_IGN, which programs started meanwhile would inherit
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _locked(folder: RunFolder, seconds: float) -> Iterator[None]:
    try:
        with FileLock(folder.lock, timeout=seconds):
            yield
    except Timeout as error:
        raise AbortedError(
            f"take down run {folder.path.name}",
            awaited=f"the lock {folder.lock}, {seconds:.0f} s",
            last_seen="another process is taking it down",
            hint=f"harness status --run {folder.path.name}",
        ) from error


def _send(owner: Owner, number: signal.Signals) -> None:
    try:
        os.kill(owner.pid, number)
    except ProcessLookupError:  # it ended meanwhile, which is what was wanted
        return
