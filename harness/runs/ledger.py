"""The run's durable memory: append-only JSON lines, fsynced before the thing they announce is created.

The kinds of lines and their fields are in :mod:`harness.runs.api`. Several processes append (the pytest controller, its supervisor,
``harness down``), so a line goes out in one write under a lock. A process killed in the middle of its write leaves a torn
line; what it announced was never begun, so readers skip it.

A line that cannot be written stops whoever wrote it: nothing is created any more. Who takes down what is there goes on all the same,
and owes its lines until there is room (:attr:`Ledger.ending`).
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from harness.errors import HarnessError, UsageError
from harness.runs.secrets import run_secrets

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

    def __init__(self, path: Path, *, ending: bool = False) -> None:
        self.path = path
        self.ending = ending
        """Whether lines may be owed: from here on things are only removed, and a full disk must not keep them."""
        self._owed: list[bytes] = []
        self._lock = Lock()
        self._secrets = run_secrets(path.parent)

    def append(self, kind: str, cell: str = "", **fields: Any) -> Entry:
        """Add a line; durable when this returns, unless it is owed (:meth:`settled`).

        :raises HarnessError: when it cannot be written and may not be owed; what announces a creation never may.
        """
        entry = Entry(time.time(), kind, cell, fields)
        shown = self._masked(fields)
        line = json.dumps({"v": VERSION, "at": entry.at, "kind": kind, "cell": cell, **shown}, default=str).encode()
        with self._lock:
            self._owed.append(line)
            error = self._settle()
            if error and (kind == "creating" or not self.ending):
                self._owed.pop()
                raise HarnessError(
                    f"write to the ledger {self.path}",
                    last_seen=error.strerror or str(error),
                    hint="free some space; nothing is created without its line",
                ) from error
            if error and len(self._owed) == 1:
                self._complain(error)
        return entry

    def settled(self) -> bool:
        """Whether every line is on disk; what is owed is tried once more."""
        with self._lock:
            return self._settle() is None

    def _settle(self) -> OSError | None:
        """Write what is owed; the error if there is still no room for it."""
        try:
            if self._owed:
                self._write(self._owed)
                self._owed.clear()
        except OSError as error:
            return error
        return None

    def _write(self, lines: Sequence[bytes]) -> None:
        """All of them, or none."""
        new = not self.path.exists()
        with self.path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file.fileno()).st_size
            data = memoryview(_separator(file.fileno(), size) + b"".join(line + b"\n" for line in lines))
            try:
                while data:
                    data = data[file.write(data) :]
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise
        if new:
            _sync_folder(self.path.parent)

    def _complain(self, error: OSError) -> None:
        print(
            f"harness: {self.path} cannot be written ({error.strerror}): free some space; what is "
            "taken down meanwhile is noted later, or never",
            file=sys.stderr,
            flush=True,
        )

    def _masked(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without secrets in what somebody else said: the ledger is archived with the run."""
        spoken = {name: fields[name] for name in _SPOKEN if fields.get(name)}
        return {**fields, **{name: self._secrets.mask(str(value)) for name, value in spoken.items()}}

    def read(self) -> list[Entry]:
        """Every whole line so far, with those that this object owes."""
        written = self.path.read_bytes() if self.path.exists() else b""
        return list(_entries(b"\n".join([written, *self._owed]), self.path))

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


def _separator(descriptor: int, size: int) -> bytes:
    """A line break if the last writer died before writing its own."""
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
