"""Waiting for a cluster that another process brings up, by the ledger alone."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from harness.clusters.api import Cluster
from harness.errors import AbortedError, DeployError
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.state import RunState

_OWNER_CHECK = 3.0
"""Seconds between looks whether that process still lives."""


def wait_for_cluster(folder: Path, cell: str, deadline: datetime) -> Cluster:
    """The cell's cluster once it is ready; for any process, by the ledger alone.

    :raises HarnessError: the error with which the cell failed to come up, or that its owner died; ``DeployError`` at the deadline.
    """
    run = RunFolder(folder)
    state, last, next_check = RunState(), "", time.monotonic()
    for batch in Ledger(run.ledger).follow():
        for entry in batch:
            state.add(entry)
            if entry.kind == "progress" and entry.cell in (cell, ""):
                last = entry.text("text")
        if cell in state.clusters:
            return Cluster.load(state.clusters[cell])
        if failure := state.failure(cell):
            raise failure.error()
        if time.time() >= deadline.timestamp():
            break
        if time.monotonic() >= next_check:
            next_check += _OWNER_CHECK
            if not any(owner.alive for owner in state.owners):
                raise AbortedError(
                    f"wait for cluster {cell}",
                    last_seen="the process that brings it up is gone",
                    hint=f"harness down --run {run.path.name}",
                )
    raise DeployError(f"wait for cluster {cell}", awaited="ready, until the deadline", last_seen=last or "no progress")
