"""The run's durable memory: append-only JSON lines, fsynced before the thing they announce is created.

The kinds of lines and their fields are in :mod:`harness.runs.api`. Several processes append (the pytest controller, its supervisor,
``harness down``), so a line goes out in one write under a lock. A process killed in the middle of its write leaves a torn
line; what it announced was never begun, so readers skip it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UsageError
from harness.redact import Known, redact
from harness.runs.secrets import known_secrets

VERSION = 1
_SPOKEN = ("message", "log_tail", "text")
"""Fields with text of errors, logs and programs."""


@dataclass(frozen=True)
class Entry:
    """One line."""

    at: float
    """Unix time."""
    kind: str
    cell: str
    """Empty for the run itself."""
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A field as text, empty if it is not there."""
        return str(self.fields.get(name, ""))


class Ledger:
    """Appends to, and reads, one ledger file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, kind: str, cell: str = "", **fields: Any) -> Entry:
        """Add a line; durable when this returns."""
        entry = Entry(time.time(), kind, cell, fields)
        new = not self.path.exists()
        shown = self._masked(fields)
        line = json.dumps({"v": VERSION, "at": entry.at, "kind": kind, "cell": cell, **shown}, default=str)
        try:
            with self.path.open("a+b", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(_separator(file.fileno()) + line.encode() + b"\n")
                os.fsync(file.fileno())
            if new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise HarnessError(
                f"write to the ledger {self.path}",
                last_seen=error.strerror or str(error),
                hint="free some space; nothing is created without its line",
            ) from error
        return entry

    def _masked(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without secrets in what somebody else said: the ledger is archived with the run."""
        spoken = {name: fields[name] for name in _SPOKEN if fields.get(name)}
        known = known_secrets(self.path.parent) if spoken else Known()
        return {**fields, **{name: redact(str(value), known) for name, value in spoken.items()}}

    def read(self) -> list[Entry]:
        """Every whole line so far."""
        return list(_entries(self.path.read_bytes() if self.path.exists() else b"", self.path))

    def follow(self, poll: float = 0.2) -> Iterator[list[Entry]]:
        """What is there, then what has come, possibly nothing, every ``poll`` seconds; the caller stops when it has seen enough."""
        position = 0
        while True:
            data = b""
            if self.path.exists():
                with self.path.open("rb") as file:
                    file.seek(position)
                    data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            position += len(whole)
            yield list(_entries(whole, self.path))
            time.sleep(poll)


def tell(ledger: Ledger, cell: str, text: str) -> None:
    """A line for the person who watches."""
    ledger.append("progress", cell, text=text)


def _separator(descriptor: int) -> bytes:
    """A line break if the last writer died before writing its own."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _sync_folder(folder: Path) -> None:
    """A new file is durable when its name is, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _entries(data: bytes, path: Path) -> Iterator[Entry]:
    for line in data.split(b"\n"):
        try:
            raw = json.loads(line)
            version, at, kind, cell = raw.pop("v"), float(raw.pop("at")), str(raw.pop("kind")), str(raw.pop("cell"))
        except (ValueError, KeyError, TypeError, AttributeError):  # torn, and so announcing nothing that was begun
            continue
        if version != VERSION:
            raise UsageError(
                f"the ledger {path} has a line of version {version!r}, and this harness knows version {VERSION} only",
                hint="use the harness that made the run",
            )
        yield Entry(at, kind, cell, raw)
