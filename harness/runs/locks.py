"""The lock of a run: whoever decides about its clusters holds it, so that no two processes ever do.

Claiming a run and taking it down happen under it. Bringing clusters up and testing on them does not: those last for hours, and
``harness status`` and ``harness down`` have to see who is at work. What they do is covered by the claim in the ledger, which a
teardown reads again once it has the lock. A lock file is the kernel's: it is let go when its holder dies, however that happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=max(0.0, seconds))
    except Timeout as error:
        raise AbortedError(
            attempted,
            awaited=f"the lock {folder.lock}, {seconds:.0f} s",
            last_seen="another process is taking the run down",
            hint=f"harness status --run {folder.path.name}",
        ) from error
    try:
        yield
    finally:
        lock.release()
