"""What is collected about a failed test, and the shape of its folder.

``cells/<cell>/failures/<number>-<name>/`` holds ``evidence.json`` (:class:`Evidence`, written last) and the files it lists::

    events.txt                                  of its namespaces, and of nodes in its time
    <namespace>/pods.json, services.json ...    its objects
    <namespace>/<pod>.<container>.log           and .previous.log, if the container was restarted
    <node>/journal.log                          kubelet and containerd
    cloud-controller-manager.log
    arm-requests.txt                            what the cloud's machines asked of ARM, if the cloud keeps that
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MANIFEST = "evidence.json"

_BEFORE = 5.0
_MINUTE = 60.0
"""How long before its end a test's time is looked at: what made it fail mostly happened then."""
_AFTER = 5.0


@dataclass(frozen=True)
class Failure:
    """A test that has just failed."""

    number: int
    """In the order in which tests of the cell failed; part of the folder's name."""
    nodeid: str
    name: str
    started: float
    """Unix time, as in the test's result."""
    ended: float
    namespaces: tuple[str, ...]
    """Its own, as far as they are known by name; deleted when they have been read."""
    runs: frozenset[str] = frozenset()
    """``e2e-run`` labels of its worker's processes, for a test that could not name its namespaces."""

    @property
    def since(self) -> float:
        """Unix time from which on logs are read."""
        return max(self.started - _BEFORE, self.ended - _MINUTE - _BEFORE)

    @property
    def until(self) -> float:
        return self.ended + _AFTER

    @property
    def folder(self) -> str:
        """Name of the folder: ``003-sig-apps-job-should-delete-a-job``."""
        words = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        return f"{self.number:03d}-{words[:60].strip('-')}"


@dataclass(frozen=True)
class Limits:
    """Bytes; what is beyond is left out, and where it was left out is said."""

    file: int = 1_000_000
    test: int = 8_000_000
    run: int = 100_000_000


@dataclass(frozen=True)
class Kept:
    """One file."""

    name: str
    """Relative to the folder."""
    bytes: int
    left_out: int = 0
    """Characters that the limits cut."""


@dataclass(frozen=True)
class Evidence:
    """``evidence.json``."""

    nodeid: str
    started: float
    """With ``nodeid``: the attempt that this is about."""
    since: float
    until: float
    namespaces: tuple[str, ...]
    files: tuple[Kept, ...]
    problems: tuple[str, ...]
    """What could not be read or was cut, a sentence each."""
    seconds: float
    """How long collecting took."""

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """Read ``evidence.json``; raises ``OSError``, ``ValueError``, ``KeyError`` or ``TypeError`` if it is not one."""
        raw: dict[str, Any] = json.loads(path.read_text())
        kept = tuple(Kept(**item) for item in raw["files"])
        return cls(**{**raw, "files": kept, "namespaces": tuple(raw["namespaces"]), "problems": tuple(raw["problems"])})
