"""Content-addressed folders: the same key is made once, by whoever comes first, and appears complete or not at all.

A folder is made under ``tmp/`` and renamed to ``KIND/KEY``; the lock of its key is held meanwhile, so what is found in ``tmp/``
by the holder of the lock was left by a killed maker and is removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.builds.api import Progress
from harness.errors import BuildError

_PATIENCE = 2 * 3600.0
"""Seconds to wait for another process that makes the same folder: more than the slowest cold build."""


def digest(material: Any) -> str:
    """Key over anything that JSON can hold; 16 hexadecimal digits."""
    text = json.dumps(material, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Cache:
    """A folder of folders by kind and key."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    def find(self, kind: str, key: str) -> Path | None:
        """The finished folder, or None. Its time is that of its last use from now on (see :mod:`harness.builds.trimming`)."""
        folder = self.root / kind / key
        with suppress(OSError):
            os.utime(folder)
        return folder if folder.is_dir() else None

    def obtain(self, kind: str, key: str, make: Callable[[Path], None], progress: Progress) -> Path:
        """Find the folder or let ``make`` fill it; ``make`` gets an empty folder that is renamed when it returns."""
        found = self.find(kind, key)
        if found:
            return found
        with self.locked(kind, key, progress):
            return self.find(kind, key) or self._make(kind, key, make)

    def inside(self, folder: Path, name: str, make: Callable[[Path], None], progress: Progress) -> Path:
        """The same for a part (a file or a folder) that joins an already finished folder later."""
        final = folder / name
        if final.exists():
            return final
        key = f"{folder.name}-{name}"
        with self.locked(folder.parent.name, key, progress):
            if not final.exists():
                work = self._fresh(f"{folder.parent.name}-{key}")
                try:
                    make(work / name)
                    (work / name).rename(final)
                finally:
                    shutil.rmtree(work, ignore_errors=True)
        return final

    def _make(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        work = self._fresh(f"{kind}-{key}")
        try:
            make(work)
            final = self.root / kind / key
            final.parent.mkdir(parents=True, exist_ok=True)
            work.rename(final)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        return final

    def _fresh(self, name: str) -> Path:
        work = self.root / "tmp" / name
        if work.exists():
            shutil.rmtree(work)
        work.mkdir(parents=True)
        return work

    def lock(self, kind: str, key: str) -> FileLock:
        """The lock of this key, not yet held."""
        path = self.root / "locks" / f"{kind}-{key}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path)

    @contextmanager
    def locked(self, kind: str, key: str, progress: Progress) -> Iterator[None]:
        """Hold the lock of this key; says so if another process has it."""
        lock = self.lock(kind, key)
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                progress(f"waiting for another process that makes {kind} {key}")
                lock.acquire(timeout=_PATIENCE)
        except Timeout as caught:
            raise BuildError(
                f"make {kind} {key}",
                awaited=f"the lock {lock.lock_file}, {_PATIENCE:.0f} s",
                hint="another process makes the same; look what it is doing",
            ) from caught
        try:
            yield
        finally:
            lock.release()


def link_tree(source: Path, target: Path) -> None:
    """Copy a folder by hard links: what two builds share is on disk once."""
    shutil.copytree(source, target, copy_function=os.link, symlinks=True, dirs_exist_ok=True)
