"""Something that all workers of a session use together: the first makes it, the last removes it.

Tests of one module are spread over many workers; without this each of them would make, and later remove, the same pods again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

_PATIENCE = 180.0
"""Seconds that a worker waits while another one makes the thing."""


@dataclass(frozen=True)
class Shared:
    """One thing, known by a file that counts its holders.

    A worker that is killed never lets go; what it held then lasts as long as the cluster.
    """

    path: Path

    def acquire(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Become a holder; ``make`` runs only for the first one and returns plain data that finds the thing again."""
        with FileLock(f"{self.path}.lock", timeout=_PATIENCE):
            state: dict[str, Any] = (
                json.loads(self.path.read_text()) if self.path.exists() else {"holders": 0, "thing": make()}
            )
            state["holders"] += 1
            self.path.write_text(json.dumps(state))
            thing: dict[str, Any] = state["thing"]
            return thing

    def release(self, remove: Callable[[dict[str, Any]], None]) -> None:
        """Let go; ``remove`` runs only for the last holder."""
        with FileLock(f"{self.path}.lock", timeout=_PATIENCE):
            state = json.loads(self.path.read_text())
            state["holders"] -= 1
            if state["holders"]:
                self.path.write_text(json.dumps(state))
                return
            self.path.unlink()
            remove(state["thing"])
