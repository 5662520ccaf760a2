"""The lock of a run: whoever decides about its clusters holds it, so that no two processes ever do.

Claiming a run and taking it down happen under it. Bringing clusters up and testing on them does not: those last for hours, and
``harness status`` and ``harness down`` have to see who is at work. What they do is covered by the claim in the ledger, which a
teardown reads again once it has the lock. A lock file is the kernel's: it is let go when its holder dies, however that happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import AbortedError
from harness.runs.folder import RunFolder


@contextmanager
def locked(folder: RunFolder, attempted: str, seconds: float) -> Iterator[None]:
    """Hold the run's lock.

    :param attempted: what it is for, in the infinitive.
    :param seconds: how long to wait for whoever has it.
    :raises AbortedError: if it is not to be had in time.
    """
    seen, hint = "another process is taking the run down", f"harness status --run {folder.path.name}"
    with held(folder.lock, attempted, seconds, seen, hint):
        yield


@contextmanager
def held(path: Path, attempted: str, seconds: float, seen: str, hint: str = "") -> Iterator[None]:
    """Hold the lock that this file is.

    :param seen: what somebody else is doing who has it.
    :raises AbortedError: if it is not to be had in time.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=max(0.0, seconds))
    except Timeout as error:
        raise AbortedError(attempted, awaited=f"the lock {path}, {seconds:.0f} s", last_seen=seen, hint=hint) from error
    try:
        yield
    finally:
        lock.release()
