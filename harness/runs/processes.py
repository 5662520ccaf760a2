"""Who owns a run: a process id alone is reused by the kernel, so its start time goes with it (proc(5), stat field 22)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """One process, told apart from later ones with the same id."""

    pid: int
    started: str
    """Boot id and clock ticks since boot; empty if the process was gone already."""

    @classmethod
    def of(cls, pid: int) -> Owner:
        return cls(pid, _started(pid))

    @classmethod
    def this(cls) -> Owner:
        return cls.of(os.getpid())

    @property
    def alive(self) -> bool:
        """Whether that very process still runs (a zombie does not)."""
        return bool(self.started) and _started(self.pid) == self.started


def _started(pid: int) -> str:
    try:
        # the command name, in parentheses, may hold spaces: count fields after the last parenthesis
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # the process is gone
        return ""
    return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"
