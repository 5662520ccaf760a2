"""The local Azure server of this host: started by the first who needs it, shared by all, stopped by the last one who lets go.

It is another program, reached over HTTP only, and it may die at any moment; what it made survives it. A watchdog in every
process that holds it starts it again, on the same addresses and with the same resources, so that callers see a pause.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.clouds.detached import detached
from harness.clouds.holders import Holders, started
from harness.errors import CloudError

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_LOCK_SECONDS = 180.0
_ANSWER_SECONDS = 5.0
_WATCH_SECONDS = 0.5
_PAUSE = 0.05
_LOG_LINES = 30


@dataclass(frozen=True)
class ServerInfo:
    """What the server says of itself in ``server.json``."""

    pid: int
    pid_started: int
    """Clock ticks from boot to its start: the kernel gives a process id again."""
    http: str
    https: str
    ca: str
    subscription: str
    tenant: str
    client_id: str
    client_secret: str
    wire_arm: str
    """ARM's address as seen from machines."""
    registry: str
    """Registry's address as seen from machines."""

    @classmethod
    def read(cls, path: Path) -> ServerInfo | None:
        """The file's content, or None if there is no whole one."""
        try:
            raw: dict[str, Any] = json.loads(path.read_text())
            return cls(**{name: raw[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError):
            return None

    @property
    def alive(self) -> bool:
        """Whether that very process runs."""
        return started(self.pid) == str(self.pid_started)


class LocalServer:
    """The server with this state folder, seen by one process.

    :param patience: factor on how long it may take to start and stop.
    :param arguments: further arguments of the server, should it have to be started: ``--fabric MODULE:CLASS``.
    """

    def __init__(self, folder: Path, patience: int = 1, arguments: Sequence[str] = ()) -> None:
        self._folder = folder
        self._start_seconds = _START_SECONDS * patience
        self._stop_seconds = _STOP_SECONDS * patience
        self._arguments = tuple(arguments)
        self._holders = Holders(folder / "holders")
        self._name = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._stop = threading.Event()
        self._watchdog: threading.Thread | None = None

    def hold(self, *, kept: bool = False) -> ServerInfo:
        """Start it unless it runs, and keep it running until :meth:`release`.

        :param kept: keep it beyond this process, until :meth:`release_kept`.
        """
        with self._locked("start local Azure"):
            info = self._ensure()
            self._name = self._holders.add(kept=kept)
        if not kept:
            self._watchdog = threading.Thread(target=self._watch, name="local-azure-watchdog", daemon=True)
            self._watchdog.start()
        return info

    def release(self) -> bool:
        """Let go; true if nobody else holds it, so that the caller may stop it (:meth:`stop`) under :meth:`locked`."""
        self._stop.set()
        if self._watchdog is not None:
            self._watchdog.join(_LOCK_SECONDS)
        self._holders.remove(self._name)
        return not self._holders.living()

    def release_kept(self) -> bool:
        """Undo ``hold(kept=True)`` of whatever process; true if nobody else holds it."""
        self._holders.remove("kept")
        return not self._holders.living()

    def locked(self) -> Any:
        """Context in which no other process starts, holds or releases the server."""
        return self._locked("let go of local Azure")

    def ensure(self) -> ServerInfo:
        """The running server; starts it if it died. Call it under :meth:`locked`."""
        return self._ensure()

    def running(self) -> ServerInfo | None:
        """The server, if it runs and answers."""
        info = self._read()
        return info if info is not None and info.alive and _healthy(info) else None

    def stop(self, info: ServerInfo, token: str) -> None:
        """Have it remove everything it made from the host, and end. Call it under :meth:`locked`."""
        attempted = "stop local Azure"
        request = urllib.request.Request(  # noqa: S310
            f"{info.http}/localazure/shutdown?clear=true", method="POST", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._stop_seconds):  # noqa: S310
                pass
        except urllib.error.HTTPError as error:
            raise CloudError(attempted, last_seen=f"HTTP {error.code}", hint=self._log_hint) from error
        except OSError as error:
            if info.alive:
                raise CloudError(attempted, last_seen=str(error), hint=self._log_hint) from error
        limit = time.monotonic() + self._stop_seconds
        while self._alive(info):
            if time.monotonic() > limit:
                raise CloudError(
                    attempted,
                    awaited=f"the end of process {info.pid}, {self._stop_seconds:.0f} s",
                    last_seen="it still runs",
                    hint=self._log_hint,
                )
            time.sleep(_PAUSE)

    def _watch(self) -> None:
        """Start the server again when it dies. A failure to do so is seen by whoever calls next."""
        lock = FileLock(self._lock)
        while not self._stop.wait(_WATCH_SECONDS):
            info = self._read()
            if info is not None and self._alive(info):
                continue
            try:
                with lock.acquire(timeout=_WATCH_SECONDS):
                    if not self._stop.is_set():
                        self._ensure()
            except Timeout:  # whoever has the lock starts the server, or waits in release() for this thread to end
                continue
            except CloudError as error:
                print(f"local Azure died and cannot be started again: {error}", file=sys.stderr, flush=True)

    def _ensure(self) -> ServerInfo:
        info = self._read()
        if info is not None and info.alive and self._waited(info):
            return info
        return self._start()

    def _start(self) -> ServerInfo:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / "server.json").unlink(missing_ok=True)
        with self._log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "harness.localazure", "serve", "--state", str(self._folder), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env=detached(os.environ),  # it serves other runs and builds, too
            )
        self._child = child
        # it may outlive this object, and ends when somebody else lets go: wait for it meanwhile, so that it never is a zombie
        threading.Thread(target=child.wait, name="local-azure-wait", daemon=True).start()
        limit = time.monotonic() + self._start_seconds
        while time.monotonic() < limit:
            info = self._read()
            if info is not None and _healthy(info):
                return info
            if child.poll() is not None:
                raise self._not_started(f"it ended with exit code {child.returncode}")
            time.sleep(_PAUSE)
        raise self._not_started("it runs but does not answer")

    def _waited(self, info: ServerInfo) -> bool:
        """Whether it answers; a busy host may make it slow to."""
        limit = time.monotonic() + self._start_seconds
        while info.alive and time.monotonic() < limit:
            if _healthy(info):
                return True
            time.sleep(_PAUSE)
        return False

    def _not_started(self, seen: str) -> CloudError:
        return CloudError(
            "start local Azure",
            awaited=f"an answer of its health check, {self._start_seconds:.0f} s",
            last_seen=seen,
            hint=f"run `harness doctor`; {self._log_hint}",
            log_tail=self._log_tail(),
        )

    def _alive(self, info: ServerInfo) -> bool:
        if self._child is not None:
            self._child.poll()  # a child that ended stays a zombie until asked
        return info.alive

    def _read(self) -> ServerInfo | None:
        return ServerInfo.read(self._folder / "server.json")

    def _locked(self, attempted: str) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _Locked(FileLock(self._lock), attempted)

    @property
    def _lock(self) -> Path:
        return self._folder / "clients.lock"

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    @property
    def _log_hint(self) -> str:
        return f"its log is {self._log}"

    def _log_tail(self) -> str:
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
        except OSError:
            return ""


class _Locked:
    """A file lock that gives up with an error of ours."""

    def __init__(self, lock: FileLock, attempted: str) -> None:
        self._lock, self._attempted = lock, attempted

    def __enter__(self) -> None:
        try:
            self._lock.acquire(timeout=_LOCK_SECONDS)
        except Timeout as error:
            raise CloudError(
                self._attempted,
                awaited=f"the lock {self._lock.lock_file}, {_LOCK_SECONDS:.0f} s",
                last_seen="another process holds it",
            ) from error

    def __exit__(self, *exc: object) -> None:
        self._lock.release()


def _healthy(info: ServerInfo) -> bool:
    try:
        with urllib.request.urlopen(f"{info.http}/localazure/health", timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False
