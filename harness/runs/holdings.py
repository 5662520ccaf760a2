"""Who holds a cluster: a small file for each worker that has a lease, or waits for one, beside the lock files themselves.

The lock (:mod:`harness.plugin.leases`) is the truth, and the kernel its heartbeat: it ends with its process. A file counts only as long
as /proc shows its process with its start time, so what a killed worker left says nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.runs.processes import Owner

_FOLDER = "held"


@dataclass(frozen=True)
class Holding:
    """A worker's lease."""

    pid: int
    started: str
    """Start time of the process, as in :class:`~harness.runs.processes.Owner`."""
    worker: str
    test: str
    """Node id."""
    exclusive: bool
    waiting: bool
    """It has no lease yet."""
    since: float
    """Unix time."""

    @property
    def alive(self) -> bool:
        return Owner(self.pid, self.started).alive

    def __str__(self) -> str:
        kind = "exclusive" if self.exclusive else "shared"
        how = "waits for" if self.waiting else "holds"
        return f"{self.worker or 'worker'} (process {self.pid}) {how} a lease ({kind}) for {self.test}"


class Record:
    """This process's file in the leases' folder of one cluster."""

    def __init__(self, leases: Path, worker: str, test: str, *, exclusive: bool) -> None:
        owner = Owner.this()
        self._path = leases / _FOLDER / f"{owner.pid}-{owner.started.rpartition(':')[2]}.json"
        self._holding = Holding(owner.pid, owner.started, worker, test, exclusive, True, time.time())

    @contextmanager
    def kept(self) -> Iterator[Record]:
        """There inside, as one that waits; gone afterwards."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write(self._holding)
        try:
            yield self
        finally:
            self._path.unlink(missing_ok=True)

    def granted(self) -> None:
        """The lease is there."""
        self._write(replace(self._holding, waiting=False, since=time.time()))

    def _write(self, holding: Holding) -> None:
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(json.dumps(asdict(holding)))
        fresh.replace(self._path)


def holdings(leases: Path) -> list[Holding]:
    """The leases of living workers, oldest first."""
    found = []
    for path in (leases / _FOLDER).glob("*.json"):
        try:
            found.append(Holding(**json.loads(path.read_text())))
        except (OSError, ValueError, TypeError):  # let go this moment
            continue
    return sorted((holding for holding in found if holding.alive), key=lambda holding: holding.since)
