"""Processes of the model test: each does one thing that the harness does with runs, and can be made to die at any step of it.

A step is a line of the ledger, a file of a lease or a change of the cloud; a process may die before it, in the middle of a line, or after
it. They are real processes with real locks, forked from a server that has everything imported.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from harness.plugin.leases import lease
from harness.runs.api import Keep
from harness.runs.folder import RunFolder
from harness.runs.holdings import Record
from harness.runs.ledger import VERSION, Entry, Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.ownership import stop_owners
from harness.runs.parts import Parts
from harness.runs.plan import load_plan
from harness.runs.signals import Stops
from harness.runs.sweep import carry_out, find
from harness.runs.teardown import teardown
from harness.settings import Settings, load
from runs.fakes import FileBuilder, FileCloud, FileDeployer


@dataclass(frozen=True)
class Death:
    """Where a process dies."""

    step: int
    """Counted from 1; 0 for never."""
    torn: bool = False
    """In the middle of a line, if the step is one of the ledger."""


def settings_in(base: Path) -> Settings:
    return load({"reports": "reports", "state": "state", "cache": "cache", "deadline": "5m"}, {}, base)


def parts() -> Parts:
    return Parts(
        deployer=lambda name: FileDeployer,
        cloud=lambda name: FileCloud,  # type: ignore[arg-type, return-value]
        builder=FileBuilder,  # type: ignore[arg-type]
    )


def act(base: str, action: str, death: Death, pipe: Connection, arguments: dict[str, Any]) -> None:
    """Body of a process; what it returns is sent through the pipe, as is the message of its error."""
    os.chdir(base)
    _arm(death)
    try:
        result = ACTIONS[action](settings_in(Path(base)), pipe, **arguments)
        pipe.send(("done", result))
    except Exception as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}"))
    os._exit(0)


def run(settings: Settings, pipe: Connection, keep: bool, run: str = "", resumed: bool = False) -> str:
    """A run that comes up, says so, and ends when it is told to, by the pipe or by a signal.

    :param run: an earlier one, which is resumed, or whose clusters are tested again.
    """
    stops = Stops(raising=True)
    stops.install()
    folder = settings.reports / run if run else None
    lifecycle = Lifecycle.open(settings, folder, parts=parts(), resumed=resumed)
    aborted = True
    try:
        lifecycle.prepare()
        lifecycle.start()
        lifecycle.join()
        pipe.send(("up", lifecycle.plan.run))
        pipe.recv()
        aborted = False
    except KeyboardInterrupt:
        pass
    stops.raising = False
    return lifecycle.finish(aborted=aborted, keep=Keep.ALWAYS if keep and not aborted else Keep.NEVER)


def down(settings: Settings, pipe: Connection, run: str) -> str:
    """What ``harness down`` does."""
    folder = RunFolder.find(settings.reports, run)
    stop_owners(folder, 10.0, lambda text: None, patience=5.0)
    return teardown(folder, kept=True, parts=parts(), role="down")


def sweep(settings: Settings, pipe: Connection, later: float) -> dict[str, str]:
    """What ``harness sweep`` does, so many seconds from now."""
    with FileCloud(settings) as cloud:
        findings = find(settings, parts(), cloud, time.time() + later)  # type: ignore[arg-type]
        items = carry_out(findings, cloud, lambda item: None)  # type: ignore[arg-type]
    return {item.name: item.action for item in items}


def janitor(settings: Settings, pipe: Connection) -> dict[str, str]:
    """A sweep on a host that has no ledger to read, only tags."""
    return sweep(settings.changed(reports=settings.reports.with_name("nothing")), pipe, 0.0)


def work(settings: Settings, pipe: Connection, run: str, exclusive: bool, seconds: float) -> str:
    """A worker that takes a lease, says so and whether it had to clean up first, and lets go when it is told to."""
    cell = load_plan(RunFolder(settings.reports / run))[1].cells[0].name
    leases = RunFolder(settings.reports / run).cell(cell).leases
    cleaned: list[bool] = []
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    with lease(leases, exclusive=exclusive, deadline=until, clean=lambda: cleaned.append(True)):
        pipe.send(("held", bool(cleaned)))
        pipe.recv()
    return "let go"


ACTIONS: dict[str, Callable[..., Any]] = {"run": run, "down": down, "sweep": sweep, "janitor": janitor, "work": work}


def _arm(death: Death) -> None:
    """Let this process die at its step."""
    done = 0
    append = Ledger.append

    def step() -> bool:
        nonlocal done
        done += 1
        return done == death.step

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def dying_append(self: Ledger, kind: str, cell: str = "", **fields: Any) -> Entry:
        if step():
            if death.torn:
                line = json.dumps({"v": VERSION, "at": 0.0, "kind": kind, "cell": cell, **fields}, default=str)
                with self.path.open("ab") as file:
                    file.write(line.encode()[: len(line) // 2])
            die()
        entry = append(self, kind, cell, **fields)
        if step():
            die()
        return entry

    def dying(change: Callable[..., None]) -> Callable[..., None]:
        def changed(*arguments: Any) -> None:
            if step():
                die()
            change(*arguments)
            if step():
                die()

        return changed

    Ledger.append = dying_append  # type: ignore[method-assign] # this process is thrown away
    Record._write = dying(Record._write)  # type: ignore[method-assign]
    FileCloud.create_group = dying(FileCloud.create_group)  # type: ignore[method-assign]
    FileCloud.tag_group = dying(FileCloud.tag_group)  # type: ignore[method-assign]
    FileCloud.delete_group = dying(FileCloud.delete_group)  # type: ignore[method-assign]
