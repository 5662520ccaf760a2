"""Fabrics of this host that nobody can come back to: their state folder is gone, and with it their store, and no server runs on it.

Each fabric leaves a claim with the path of its state folder (host.py), and names everything by that path's digest (names.py), so that
the path is enough to find and remove its processes, namespaces, links, loop devices and control groups. A fabric whose folder is
there is none: its server can be started again, and ``harness sweep --state`` deletes what expired in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.localazure.fabric import host
from harness.localazure.fabric.names import MARK
from harness.localazure.fabric.processes import with_argument
from harness.localazure.fabric.sweep import sweep_host


@dataclass(frozen=True)
class Orphan:
    """What a fabric left."""

    state: Path
    why: str

    def remove(self) -> str:
        """Remove it from the host; what could not be removed, empty if all is gone."""
        if not _why(self.state):
            return "somebody has come back to it"
        try:
            sweep_host(self.state)
        except HarnessError as error:
            return str(error)
        return ""


def find_orphans(users: Path = host.USERS) -> list[Orphan]:
    """Every orphan, by the claims of this host."""
    claims = sorted(users.glob(f"{MARK}*")) if users.is_dir() else []
    states = [Path(claim.read_text().strip()) for claim in claims]
    return [Orphan(state, why) for state in states if (why := _why(state))]


def _why(state: Path) -> str:
    """Why nobody can come back to this fabric; empty if somebody can."""
    if not state.is_absolute() or state.exists() or with_argument(str(state)):  # the last is a server that runs on it
        return ""
    return "its state folder is gone"
