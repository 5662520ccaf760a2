"""Teardown that no signal cuts off: the process that got the first one does it; on the next a detached reaper takes over.

Whoever stops a run twice, or kills the agent it runs on, wants the process gone and not its clusters kept. So before this process
ends it starts another one that belongs to no terminal, no build and no process group of ours (:mod:`harness.cli.reaper`), and waits
until the ledger names it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

from harness.clouds.detached import detached
from harness.errors import EXIT_CODES, HarnessError, Outcome
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.log import masked_log
from harness.runs.signals import Stops
from harness.runs.state import RunState

T = TypeVar("T")

_START_SECONDS = 20.0
_POLL = 0.1


def uncut(
    folder: RunFolder,
    stops: Stops,
    work: Callable[[], T],
    say: Callable[[str], None],
    *,
    may_leave: Callable[[], bool] = lambda: True,
) -> T:
    """Do the work in a thread while this one, the main thread, listens; on a stop after the first, a reaper goes on and this
    process ends with the exit code of an abort.

    :param may_leave: false while somebody else decides about a hand-over.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="uncut") as pool:
        future = pool.submit(work)
        while True:
            try:
                return future.result(timeout=_POLL)
            except NotYet:
                if future.done():  # the work's own error
                    raise
            if stops.count > 1 and may_leave() and hand_over(folder, say):
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(EXIT_CODES[Outcome.ABORTED])


def hand_over(folder: RunFolder, say: Callable[[str], None]) -> int:
    """Start a reaper for the run and wait until the ledger names it; its process id, or 0 if it could not be started."""
    environ = detached(os.environ)
    log = masked_log(folder, environ).stdin
    assert log is not None
    with log:
        reaper = subprocess.Popen(
            [sys.executable, "-m", "harness.cli.reaper", str(folder.path)],
            cwd="/",
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and reaper.poll() is None:
        if any(owner.pid == reaper.pid for owner in RunState.of(Ledger(folder.ledger).read()).owners):
            say(f"process {reaper.pid} takes down what is left; watch it: harness status --run {folder.path.name}")
            return reaper.pid
        time.sleep(_POLL / 2)
    say(f"no reaper could be started, see {folder.log}; going on here")
    return 0


def note_stop(folder: RunFolder, why: str) -> None:
    """Tell every reader of the ledger that the run is being cut off; a ledger that cannot be written must not stop the stop."""
    try:
        Ledger(folder.ledger).append("stopping", signal=why, pid=os.getpid())
    except HarnessError as error:
        print(f"the stop could not be noted: {error}", file=sys.stderr)
