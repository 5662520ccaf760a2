"""The state folder of a server: one server at a time, readable by its user only, everything in it survives ``kill -9``.

======================  ==================================================================
``lock``                held while a server runs
``server.json``         how to reach the running server, with its secret (0600)
``store.sqlite``        every resource, with the machines' custom data, which holds a cluster's keys (0600)
``journal.sqlite``      every request (0600)
``secrets.json``        client secret and signing key, made at the first start (0600)
``tls/``                the CA, and the server's certificate
``fabric/``             what the fabric keeps: machines, disks
======================  ==================================================================
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from harness.errors import UsageError


@dataclass(frozen=True)
class Secrets:
    """What makes this server itself; made once."""

    subscription: str
    client_id: str
    client_secret: str
    signing_key: str


class StateFolder:
    """A state folder that this process holds; use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: IO[str] | None = None

    def __enter__(self) -> StateFolder:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self._lock = (self.path / "lock").open("a")
        except OSError as error:
            raise UsageError(
                f"use {self.path} as state folder", last_seen=str(error), hint="choose another --state"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise UsageError(
                f"start local Azure in {self.path}",
                last_seen=f"another server holds it ({self._holder()})",
                hint="use that one, or choose another --state",
            ) from error
        return self

    def __exit__(self, *exc: object) -> None:
        (self.path / "server.json").unlink(missing_ok=True)
        if self._lock:
            self._lock.close()

    def secrets(self) -> Secrets:
        """Read the secrets, or make them at the first start."""
        path = self.path / "secrets.json"
        if path.exists():
            return Secrets(**json.loads(path.read_text()))
        made = Secrets(
            subscription=str(uuid.uuid4()),
            client_id=str(uuid.uuid4()),
            client_secret=secrets.token_urlsafe(32),
            signing_key=secrets.token_hex(32),
        )
        write_private(path, json.dumps(asdict(made)))
        return made

    def _holder(self) -> str:
        try:
            return f"process {json.loads((self.path / 'server.json').read_text())['pid']}"
        except (OSError, ValueError, KeyError):
            return "not ready yet"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


def touch_private(path: Path) -> Path:
    """Make sure that the file exists and only its owner can read it; what SQLite puts beside it gets the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    return path


def process_started(pid: int) -> int:
    """Start time of a process in clock ticks since boot: with the pid it names one process for ever (field 22 of stat)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
