"""Which processes work on a run: claims in its ledger, made under its lock, believed only as long as the process lives.

A process that was killed leaves its claim behind. The next one that claims the run writes the end that it could not write. Whether a
process of another host lives cannot be seen: its claim is believed until what it made expires, unless a person knows better.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from harness.errors import Outcome, UsageError
from harness.runs.api import ENDING
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.locks import locked
from harness.runs.processes import Owner, wait_for_end
from harness.runs.state import RunState

_LOCK_SECONDS = 10.0
_PATIENCE = 60.0
"""Seconds from SIGTERM until a process that has not even begun to take its clusters down is ended."""
_KILL_SECONDS = 10.0


def claim(folder: RunFolder, role: str, *, beside: Sequence[Owner] = (), resumed: bool = False) -> None:
    """This process works on the run from here on.

    :param role: see :class:`~harness.runs.processes.Owner`.
    :param beside: live owners that are no strangers: the supervisor of a controller.
    :param resumed: it was cut off before, and what was cut off counts no longer.
    :raises UsageError: when another process works on the run.
    :raises AbortedError: when another process is taking it down.
    """
    with locked(folder, f"work on run {folder.path.name}", _LOCK_SECONDS):
        refuse_strangers(folder, beside)
        enter(folder, role, resumed=resumed)


def enter(folder: RunFolder, role: str, *, resumed: bool = False) -> None:
    """The claim itself, after the ends that dead owners could not write. Call it under the run's lock."""
    ledger, this = Ledger(folder.ledger, ending=True), Owner.this()
    _bury(ledger, folder)
    facts: dict[str, Any] = {"resumed": True} if resumed else {}
    ledger.append(
        "run",
        state="started",
        run=folder.path.name,
        pid=this.pid,
        pid_started=this.started,
        role=role,
        host=this.host,
        pid_namespace=this.namespace,
        **facts,
    )


def leave(folder: RunFolder, outcome: Outcome) -> None:
    """This process is done with the run, as are those that died while it worked on it."""
    ledger = Ledger(folder.ledger, ending=True)
    _bury(ledger, folder)
    _end(ledger, folder, Owner.this(), outcome)


def refuse_strangers(folder: RunFolder, beside: Sequence[Owner] = ()) -> None:
    """Raise ``UsageError`` if a process other than this one and those works on the run. Call it under the run's lock."""
    strangers = [owner for owner in RunState.of(Ledger(folder.ledger).read()).live_owners() if owner not in beside]
    if strangers:
        raise UsageError(
            f"{strangers[0]} works on run {folder.path.name}",
            hint=f"wait for it to end, or stop it: harness down --run {folder.path.name}",
        )


def stop_owners(
    folder: RunFolder, seconds: float, say: Callable[[str], None], *, patience: float = _PATIENCE, ask: bool = True
) -> None:
    """Have whoever works on the run stop its tests and take its clusters down itself; end it if it does not.

    :param seconds: limit for a process that does take its clusters down.
    :param patience: limit for one of which nothing is seen.
    :param ask: by SIGTERM; else it has been asked already, and is only waited for.
    :raises UsageError: for a process of another host.
    """
    ledger = Ledger(folder.ledger)
    asked_at = time.time()
    for owner in RunState.of(ledger.read()).live_owners():
        if owner.foreign:
            raise UsageError(
                f"{owner} works on run {folder.path.name}, and cannot be asked from here",
                hint=f"stop it there; if that host is gone: harness down --run {folder.path.name} --host-gone",
            )
        if ask and owner.alive:
            say(f"asking {owner} to stop")
            owner.send(signal.SIGTERM)
        begun = time.monotonic()
        while owner.alive:
            spent = time.monotonic() - begun
            if spent >= (seconds if _takes_down(ledger, asked_at) else patience):
                say(f"{owner} does not end, {spent:.0f} s after it was asked to: taking over")
                owner.send(signal.SIGKILL)
                wait_for_end([owner], _KILL_SECONDS)
                break
            wait_for_end([owner], 1.0)


def give_up_foreign(folder: RunFolder) -> None:
    """A person knows that the other hosts which work on the run are gone: write the ends of their processes."""
    with locked(folder, f"take over run {folder.path.name}", _LOCK_SECONDS):
        ledger = Ledger(folder.ledger)
        for owner in RunState.of(ledger.read()).live_owners():
            if owner.foreign:
                _end(ledger, folder, owner, Outcome.ABORTED, died=True)


def _takes_down(ledger: Ledger, since: float) -> bool:
    """Whether somebody has begun with it since then."""
    phases = RunState.of(ledger.read()).phases
    return any(phase in ENDING and state.at >= since - 1.0 for (_, phase), state in phases.items())


def _bury(ledger: Ledger, folder: RunFolder) -> None:
    """Write the ends of owners that were killed."""
    this, state = Owner.this(), RunState.of(ledger.read())
    living = state.live_owners()
    for owner in state.owners:
        if owner != this and owner not in living:
            _end(ledger, folder, owner, Outcome.ABORTED, died=True)


def _end(ledger: Ledger, folder: RunFolder, owner: Owner, outcome: Outcome, *, died: bool = False) -> None:
    facts: dict[str, Any] = {"died": True} if died else {}
    ledger.append(
        "run",
        state="ended",
        run=folder.path.name,
        pid=owner.pid,
        pid_started=owner.started,
        outcome=outcome,
        **facts,
    )
