"""What every process of a session knows: the run, its cells with their builds, and which suites are asked for.

The controller makes it, and sends it to workers as plain data in ``workerinput``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.runs.changes.picks import Pick
from harness.runs.folder import RunFolder
from harness.settings import Settings

SUITES = "suites"


@dataclass(frozen=True)
class CellView:
    """One cell, as collection sees it."""

    name: str
    build: Path | None
    """Folder of its build; None if it could not be built."""
    clusters: tuple[str, ...]
    """Names under which its clusters are brought up, its own first."""
    suites: tuple[str, ...] = ()
    """The only suites that run on it; all, if none are named."""

    def runs(self, suite: str) -> bool:
        """Whether this suite runs on it."""
        return not self.suites or suite in self.suites

    @property
    def inventory(self) -> Path | None:
        return self.build / "inventory.json" if self.build else None


@dataclass(frozen=True)
class Context:
    """One session; the same in every process of it."""

    settings: Settings
    suites_root: Path
    """The folder ``suites/``."""
    suites: tuple[str, ...]
    """Names of the suites to collect; empty for all that pytest's arguments name."""
    cells: tuple[CellView, ...]
    folder: RunFolder | None
    """None while only collecting."""
    deadline: float
    """Unix time at which testing stops."""
    done: tuple[str, ...] = ()
    """Node ids that have a result already, when a run is resumed."""
    picks: tuple[Pick, ...] = ()
    """How suites are narrowed to what a change may break."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``workerinput``."""
        return {
            "settings": {name: list(v) if isinstance(v, tuple) else v for name, v in self.settings.to_json().items()},
            "suites_root": str(self.suites_root),
            "suites": list(self.suites),
            "cells": [
                [cell.name, str(cell.build or ""), list(cell.clusters), list(cell.suites)] for cell in self.cells
            ],
            "folder": str(self.folder.path if self.folder else ""),
            "deadline": self.deadline,
            "done": list(self.done),
            "picks": [asdict(pick) for pick in self.picks],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Context:
        """Read what :meth:`to_json` wrote."""
        return cls(
            settings=Settings.from_json(raw["settings"]),
            suites_root=Path(raw["suites_root"]),
            suites=tuple(raw["suites"]),
            cells=tuple(
                CellView(name, Path(build) if build else None, tuple(clusters), tuple(suites))
                for name, build, clusters, suites in raw["cells"]
            ),
            folder=RunFolder(Path(raw["folder"])) if raw["folder"] else None,
            deadline=raw["deadline"],
            done=tuple(raw["done"]),
            picks=tuple(Pick.from_json(entry) for entry in raw["picks"]),
        )

    @property
    def until(self) -> datetime:
        return datetime.fromtimestamp(self.deadline, UTC)

    def suite_of(self, path: Path) -> str:
        """Name of the suite that a file belongs to; empty if it belongs to none."""
        parts = path.relative_to(self.suites_root).parts if path.is_relative_to(self.suites_root) else ()
        return parts[0] if len(parts) > 1 or (parts and path.is_dir()) else ""

    def wants(self, path: Path) -> bool:
        """Whether a path may hold something to collect."""
        suite = self.suite_of(path)
        wanted = not self.suites or suite in self.suites
        return not suite or (wanted and any(cell.runs(suite) for cell in self.cells))

    def pick_of(self, path: Path) -> Pick | None:
        """How the suite of a file is narrowed; None if it is not."""
        return next((pick for pick in self.picks if pick.suite == self.suite_of(path)), None)

    def cell(self, name: str) -> CellView:
        """The cell of this name."""
        return next(cell for cell in self.cells if cell.name == name)

    def run_folder(self) -> RunFolder:
        """The run's folder; raises ``UsageError`` while only collecting."""
        if self.folder is None:
            raise UsageError("nothing runs while collecting", hint="leave --collect-only out")
        return self.folder


KEY: pytest.StashKey[Context] = pytest.StashKey()


def context_of(config: pytest.Config) -> Context | None:
    """This session's context; None if no test under ``suites/`` is asked for, or the run is not planned yet."""
    return config.stash.get(KEY, None)


def asked_suites(config: pytest.Config) -> tuple[Path, tuple[str, ...]] | None:
    """The folder ``suites/`` and the suites in it that pytest's arguments name (none named: all); None if they lie elsewhere."""
    root = config.rootpath / SUITES
    named: list[str] = []
    inside = False
    for argument in config.args:
        path = (config.invocation_params.dir / str(argument).split("::", 1)[0]).resolve()
        if path == root or root.is_relative_to(path):
            return (root, ()) if root.is_dir() else None
        if path.is_relative_to(root):
            inside = True
            named.append(path.relative_to(root).parts[0])
    return (root, tuple(dict.fromkeys(named))) if inside else None
