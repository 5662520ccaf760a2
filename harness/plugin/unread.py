"""Failures that nobody has read yet: a file each beside the leases of their cluster, so that who cleans up there waits.

The process that ran the test makes the file before it drops its lease; the controller deletes it when it has the evidence, or gives up.
"""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

_FOLDER = "unread"
_LIMIT = 60.0
"""Seconds that a cleaning waits; it has the cluster to itself meanwhile."""
_POLL = 0.05


def note(leases: Path) -> Path:
    """A failure on the cluster whose lease files are in ``leases``; whoever has read it deletes the file."""
    file = leases / _FOLDER / uuid4().hex
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


def wait_until_read(leases: Path, limit: float = _LIMIT) -> None:
    """Wait, within limits, until nothing is unread; who should read may have been killed."""
    until = time.monotonic() + limit
    while time.monotonic() < until and _noted(leases):
        time.sleep(_POLL)


def forget(leases: Path) -> None:
    """Nobody is going to read what an earlier session of the run has left."""
    for file in _noted(leases):
        file.unlink(missing_ok=True)


def _noted(leases: Path) -> list[Path]:
    return list((leases / _FOLDER).glob("*"))
