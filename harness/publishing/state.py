"""What is known of a run's publications, in the run's folder: who is killed in the middle goes on from there.

Jenkins is the truth; this only saves asking, and remembers that an order was under way when we were killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import atomic
from harness.runs.locks import held

_FILE, _LOCK = ".published.json", ".publish.lock"


@dataclass(frozen=True)
class Record:
    """One publication to one place."""

    ordering: bool = False
    """An order is being sent."""
    queue_id: int = 0
    number: int = 0
    done: bool = False


@dataclass(frozen=True)
class State:
    """All of a run's."""

    folder: Path

    def of(self, place: str) -> Record:
        return Record(**self._read().get(place, {}))

    def set(self, place: str, record: Record) -> None:
        atomic.write(self.folder / _FILE, json.dumps(self._read() | {place: asdict(record)}, indent=1) + "\n")

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            return dict(json.loads((self.folder / _FILE).read_text()))
        except (FileNotFoundError, ValueError):  # Jenkins still knows
            return {}


@contextmanager
def alone(folder: Path, seconds: float) -> Iterator[None]:
    """Nobody else publishes here meanwhile.

    :raises AbortedError: if somebody else goes on doing it for so long.
    """
    attempted = f"publish from {folder}" if os.access(folder, os.W_OK) else f"write to {folder}"
    with held(folder / _LOCK, attempted, seconds, "another process is publishing"):
        yield
