"""Who owns a run: a process id alone is reused by the kernel, so its start time goes with it (proc(5), stat field 22).

A folder of reports may be shared by machines or containers, and /proc shows only the processes of one PID namespace of one kernel
(pid_namespaces(7)). So host and namespace go with them, too: nothing is known of an owner from elsewhere.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.clouds.detached import MARK

_POLL = 0.05


@dataclass(frozen=True)
class Owner:
    """One process, told apart from later ones with the same id."""

    pid: int
    started: str
    """Boot id and clock ticks since boot; empty if the process was gone already."""
    role: str = field(default="", compare=False)
    """What it does with the run: supervisor, controller, up, down, sweep, reaper."""
    host: str = field(default="", compare=False)
    """Host name and machine id; empty for what an earlier harness wrote, which is taken for one of this host."""
    namespace: str = field(default="", compare=False)
    """PID namespace: ``pid:[4026531836]``."""

    @classmethod
    def of(cls, pid: int) -> Owner:
        """A process of this host and PID namespace."""
        return cls(pid, _started(pid), host=_host(), namespace=_namespace())

    @classmethod
    def this(cls) -> Owner:
        return cls.of(os.getpid())

    @property
    def alive(self) -> bool:
        """Whether that very process is seen to run (a zombie does not)."""
        return bool(self.started) and not self.foreign and _started(self.pid) == self.started

    @property
    def foreign(self) -> bool:
        """Whether /proc here says nothing about it: it is of another host, or of another PID namespace of this boot."""
        if not self.host or not self.started:
            return False
        if self.started.partition(":")[0] == _boot():
            return self.namespace != _namespace()
        return self.host != _host()  # one of this host died with the boot that it was of

    def send(self, number: signal.Signals) -> None:
        """Signal that very process; one that has ended is left alone, whoever has its id now."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive:
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:  # it ended meanwhile, which is what was wanted
            return
        finally:
            os.close(descriptor)

    def __str__(self) -> str:
        place = f" on {self.host.partition('/')[0]}" if self.foreign else ""
        return f"process {self.pid}" + (f" ({self.role})" if self.role else "") + place


def wait_for_end(owners: Iterable[Owner], seconds: float) -> list[Owner]:
    """Those that have not ended after so many seconds."""
    until = time.monotonic() + seconds
    left = [owner for owner in owners if owner.alive]
    while left and time.monotonic() < until:
        time.sleep(_POLL)
        left = [owner for owner in left if owner.alive]
    return left


def marked() -> Iterator[tuple[str, Owner]]:
    """Every process of this host that carries a run's mark in its environment, with that run's id."""
    wanted = f"{MARK}=".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        owner = Owner.of(int(entry.name))
        try:
            names = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended, or is another user's
            continue
        for item in names:
            if item.startswith(wanted) and owner.started:
                yield item.removeprefix(wanted).decode(errors="replace"), owner


def _started(pid: int) -> str:
    try:
        # the command name, in parentheses, may hold spaces: count fields after the last parenthesis
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # the process is gone
        return ""
    return "" if fields[0] in "ZX" else f"{_boot()}:{fields[19]}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def _host() -> str:
    """Clones of a machine share its id, and many machines the name ``localhost``: hardly any share both."""
    machine = Path("/etc/machine-id")
    return f"{os.uname().nodename}/{machine.read_text().strip() if machine.exists() else ''}"
