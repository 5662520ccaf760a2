"""Processes that this program did not start, or no longer remembers: found and watched through /proc.

A process is an id and a start time: ids are used again, and a server that was killed may come back hours later.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.localazure.fabric.launch import start_time

_PF_EXITING = 0x4
"""A flag of the kernel (include/linux/sched.h)."""


@dataclass(frozen=True)
class Process:
    """One process, which may have ended."""

    pid: int
    start: int
    """Clock ticks after boot."""

    @classmethod
    def read(cls, file: Path) -> Process | None:
        """The process that a file written by launch.py names; ``None`` without a file."""
        try:
            raw = json.loads(file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return cls(raw["pid"], raw["start"])

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this id now."""
        try:
            return cls(pid, start_time(pid))
        except (FileNotFoundError, ProcessLookupError):
            return None

    def alive(self) -> bool:
        """Whether it is there; one that ended but was not waited for is not."""
        return bool(self._fields())

    def ending(self) -> bool:
        """Whether it has ended or does nothing else any more: an init process waits for all others of its namespace meanwhile."""
        fields = self._fields()
        return not fields or bool(int(fields[6]) & _PF_EXITING)

    def _fields(self) -> list[bytes]:
        """What the kernel says of it, from its state on (the third field in proc_pid_stat(5)); empty when it has ended."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return []
        return fields if int(fields[19]) == self.start and fields[0] not in (b"Z", b"X") else []

    def command(self) -> str:
        """Name of the program it runs, as the kernel shows it; empty when it has ended."""
        try:
            return Path(f"/proc/{self.pid}/comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def children(self) -> list[Process]:
        """Processes its first thread started."""
        try:
            ids = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return []
        return [child for pid in ids if (child := Process.of(int(pid)))]

    def send(self, number: signal.Signals) -> None:
        """Signal it, unless it has ended."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def with_argument(start: str) -> list[tuple[Process, str]]:
    """Processes that have an argument with this start, and that argument."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - hundreds of names, no paths needed
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            arguments = Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        matching = [text for text in arguments if text.startswith(start)]
        process = Process.of(int(entry)) if matching else None
        if process:
            found.append((process, matching[0]))
    return found


def wait_for_end(processes: Iterable[Process], limit: float) -> list[Process]:
    """Wait (in a thread, not in the event loop) until all have ended; return those that have not after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    remaining = [process for process in processes if process.alive()]
    while remaining and time.monotonic() < deadline:
        time.sleep(0.01)
        remaining = [process for process in remaining if process.alive()]
    return remaining
