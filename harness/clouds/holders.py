"""Who uses this host's local Azure: a folder with a file a process, so that the last one to let go can stop it.

A process id alone is reused by the kernel; its start time (proc(5), stat field 22) makes it unique, so that what a killed
process held counts as let go.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

KEPT = "kept"
"""Held by nobody who runs: ``harness cloud start`` leaves the server to the user."""


class Holders:
    """The folder. Every method is called under the lock of :mod:`harness.clouds.server`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, *, kept: bool = False) -> str:
        """Hold; returns the name to remove later."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        pid = os.getpid()
        name = KEPT if kept else f"{pid}-{started(pid)}-{secrets.token_hex(3)}"
        (self._folder / name).touch()
        return name

    def remove(self, name: str) -> None:
        """Let go; it may have been removed already."""
        (self._folder / name).unlink(missing_ok=True)

    def living(self) -> list[str]:
        """Names of those who still hold; what dead processes left is removed."""
        found = []
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name == KEPT or _alive(path.name):
                found.append(path.name)
            else:
                path.unlink(missing_ok=True)
        return found


def started(pid: int) -> str:
    """Clock ticks from boot to this process's start; empty if there is none (a zombie counts as none)."""
    try:
        # the command name, in parentheses, may hold spaces: count fields after the last parenthesis
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _alive(name: str) -> bool:
    pid, _, rest = name.partition("-")
    ticks = rest.partition("-")[0]
    return pid.isdigit() and bool(ticks) and started(int(pid)) == ticks
