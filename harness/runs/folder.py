"""Where things are in a run's folder (Prow's layout); every room asks here instead of joining paths itself."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, UsageError


@dataclass(frozen=True)
class CellFolder:
    """``cells/<cell>/``."""

    path: Path

    @property
    def cluster(self) -> Path:
        """cluster.json; complete once the ledger has its ``cluster`` line."""
        return self.path / "cluster.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def failures(self) -> Path:
        """A folder of evidence for each failed test."""
        return self.path / "failures"

    @property
    def baseline(self) -> Path:
        """What was in the cluster when it became ready."""
        return self.path / "baseline.json"

    @property
    def leftovers(self) -> Path:
        """What tests left beyond that."""
        return self.path / "leftovers.json"

    @property
    def leases(self) -> Path:
        """Folder of the lock files by which workers share the cluster."""
        return self.path / "leases"

    @property
    def suites(self) -> Path:
        """Folder with an empty file for each suite that has a timeout; when it was made, the suite began."""
        return self.path / "suites"


@dataclass(frozen=True)
class RunFolder:
    """``reports/<run>/``."""

    path: Path

    @classmethod
    def create(cls, reports: Path, run: str) -> RunFolder:
        """Make the folder and point ``latest`` to it."""
        folder = cls(reports / run)
        try:
            (folder.path / "artifacts").mkdir(parents=True)
            _point(reports / "latest", run)
        except OSError as error:
            raise UsageError(
                f"the reports folder {reports} cannot be written: {error.strerror}",
                hint="choose another with --reports",
            ) from error
        return folder

    @property
    def scratch(self) -> Path:
        """Temporary files of what tests start, which e2e.test and kubectl do not remove; a short path, for there are Unix sockets in it."""
        return Path(tempfile.gettempdir()) / f"harness-{self.path.name}"

    def make_scratch(self) -> Path:
        """Make that folder, or find it; raises ``HarnessError`` if somebody else has made it."""
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        if (owner := self.scratch.stat().st_uid) != os.geteuid():
            raise HarnessError(f"use {self.scratch}", last_seen=f"it belongs to user {owner}", hint="remove it")
        return self.scratch

    def remove_scratch(self) -> None:
        """When no test runs any more."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    @classmethod
    def find(cls, reports: Path, run: str) -> RunFolder:
        """The folder of a run by its id, by ``latest``, or by its path; raises ``UsageError`` naming the newest ones."""
        for path in (reports / run, Path(run)):
            if run and _is_run(path):
                return cls(path.resolve())
        newest = [folder.path.name for folder in cls.all(reports)][-3:]
        known = f"the newest are {', '.join(reversed(newest))}" if newest else "there are none"
        raise UsageError(f"no run {run!r} in {reports}: {known}", hint="harness status lists them")

    @classmethod
    def all(cls, reports: Path) -> list[RunFolder]:
        """Every run's folder, oldest first."""
        folders = sorted(reports.iterdir()) if reports.is_dir() else []
        return [cls(path) for path in folders if not path.is_symlink() and _is_run(path)]

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.jsonl"

    @property
    def results(self) -> Path:
        return self.path / "results.jsonl"

    @property
    def log(self) -> Path:
        """What the run printed."""
        return self.path / "build-log.txt"

    @property
    def lock(self) -> Path:
        """Held by whoever claims the run or takes it down; see :mod:`harness.runs.locks`."""
        return self.path / ".teardown.lock"

    def cell(self, name: str) -> CellFolder:
        return CellFolder(self.path / "cells" / name)


def _is_run(path: Path) -> bool:
    """Whether this is a run's folder: either file is enough to know what it made."""
    return (path / "plan.json").is_file() or (path / "ledger.jsonl").is_file()


def _point(link: Path, run: str) -> None:
    """Replace the link by one rename, so that it never dangles while two runs start."""
    fresh = link.with_name(f".{link.name}-{run}")
    fresh.symlink_to(run)
    fresh.replace(link)
