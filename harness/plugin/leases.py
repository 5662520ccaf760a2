"""Claims of tests on a cluster: shared by most, exclusive for those that nothing else may run beside.

A lease is a lock on a file in the run's folder, so the kernel drops it when the process that holds it dies. Who waits for
exclusive use closes a gate first, or tests that share would keep it waiting for ever.

A test that is killed leaves in the cluster what it made. Tests that share a cluster bear that of others; one that had it for itself may
have left nodes that take no pods, and one that wants it for itself counts on nothing being there. So the next lease after the former, and
the next one of the latter kind, first has the cluster alone and cleans up, once the evidence about failed tests is read.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from harness.errors import AbortedError
from harness.plugin.unread import wait_until_read
from harness.runs.deadline import remaining
from harness.runs.holdings import Record, cut_off

_POLL = 0.02


@contextmanager
def lease(
    folder: Path,
    *,
    exclusive: bool,
    deadline: datetime,
    worker: str = "",
    test: str = "",
    clean: Callable[[], None] = lambda: None,
) -> Iterator[Record]:
    """Hold the cluster whose lease files are in ``folder``; raises ``AbortedError`` if it is not to be had by the deadline.

    :param worker: and ``test``: for whom, shown by ``harness status``.
    :param clean: removes what tests that were killed have left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = Record(folder, worker, test, exclusive=exclusive)
    with record.kept(), (folder / "gate").open("ab") as gate, (folder / "lease").open("ab") as held:
        alone = exclusive or any(holding.exclusive for holding in cut_off(folder).values())
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        _lock(gate, kind, deadline)
        _lock(held, kind, deadline)
        if alone and (unclean := cut_off(folder)):
            wait_until_read(folder)
            clean()
            for path in unclean:
                path.unlink(missing_ok=True)
        if not exclusive:
            fcntl.flock(held, fcntl.LOCK_SH)
            fcntl.flock(gate, fcntl.LOCK_UN)
        record.granted()
        yield record


def _lock(file: BinaryIO, kind: int, deadline: datetime) -> None:
    while True:
        try:
            return fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if not remaining(deadline):
                wanted = "exclusive use" if kind == fcntl.LOCK_EX else "its turn"
                raise AbortedError(
                    f"lease the cluster ({file.name})", awaited=f"{wanted}, until the run's deadline"
                ) from None
            time.sleep(_POLL)
