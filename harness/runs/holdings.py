"""Who holds a cluster: a small file for each worker that has a lease, or waits for one, beside the lock files themselves.

The lock (:mod:`harness.plugin.leases`) is the truth, and the kernel its heartbeat: it ends with its process. A file counts only as long
as /proc shows its process with its start time. What a killed worker left says that its test was cut off, and that the cluster may hold what
the test made; so does the file of a worker that lived on, if only the test's own process was killed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness import atomic
from harness.runs.processes import Owner

_FOLDER = "held"
_CUT_OFF = ".cut-off"


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
        self.leases = leases
        self._path = leases / _FOLDER / f"{owner.pid}-{owner.started.rpartition(':')[2]}.json"
        self._holding = Holding(owner.pid, owner.started, worker, test, exclusive, True, time.time())
        self._cut_off = False

    @contextmanager
    def kept(self) -> Iterator[Record]:
        """There inside, as one that waits; gone afterwards."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write(self._holding)
        try:
            yield self
        finally:
            if self._cut_off:
                self._path.rename(self._path.with_suffix(f".{time.time_ns()}{_CUT_OFF}"))
            self._path.unlink(missing_ok=True)

    def cut_off(self) -> None:
        """The test was killed, and could not remove what it made; its process is not this one."""
        self._cut_off = True

    def granted(self) -> None:
        """The lease is there."""
        self._write(replace(self._holding, waiting=False, since=time.time()))

    def _write(self, holding: Holding) -> None:
        atomic.write(self._path, json.dumps(asdict(holding)))


def holdings(leases: Path) -> list[Holding]:
    """The leases of living workers, oldest first."""
    found = _read(leases, "*.json").values()
    return sorted((holding for holding in found if holding.alive), key=lambda holding: holding.since)


def cut_off(leases: Path) -> dict[Path, Holding]:
    """Leases of tests that were killed: file -> lease. Whoever has cleaned up after them deletes the files."""
    dead = {path: one for path, one in _read(leases, "*.json").items() if not (one.waiting or one.alive)}
    return dead | _read(leases, f"*{_CUT_OFF}")


def _read(leases: Path, pattern: str) -> dict[Path, Holding]:
    found = {}
    for path in (leases / _FOLDER).glob(pattern):
        try:
            found[path] = Holding(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):  # let go this moment
            continue
    return found
