"""Keeps the cache below a limit: what nobody used for longest goes first, and nothing that somebody may be using.

Gating pull requests makes a build for every push. What builds share are hard links, so a folder counts for the files that only it
has, and one whose files are all in others as well stays, because removing it would make no room.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from harness.builds.api import Progress
from harness.builds.cache import Cache

KINDS = ("builds", "programs", "modules", "components", "layers", "debian", "downloads")
"""Folders that are made again when they are missing."""
RECENT = 86_400.0
"""Seconds after its last use in which a folder stays in any case: longer than a run."""
_ASIDE = "removed-"
"""What a folder's name under ``tmp/`` begins with while it goes."""


@dataclass(frozen=True)
class _Folder:
    """One entry of the cache."""

    kind: str
    path: Path
    used: float
    """Unix time of its last use."""
    files: dict[tuple[int, int], int]
    """Device and inode -> bytes on disk."""


def trim(cache: Cache, limit: int, progress: Progress, *, now: float | None = None) -> None:
    """Remove what was not used for longest until the cache is no larger than ``limit``.

    What machines stand on, and what was used less than :data:`RECENT` ago, is left alone, also if the cache stays too large.

    :param limit: bytes.
    :param progress: told of each folder that goes.
    :param now: Unix time; the clock's when not given.
    """
    now = time.time() if now is None else now
    for path in cache.root.glob(f"tmp/{_ASIDE}*"):  # of one that was killed
        shutil.rmtree(path, ignore_errors=True)
    folders = list(_folders(cache.root))
    links = Counter(file for folder in folders for file in folder.files)
    sizes = {file: size for folder in folders for file, size in folder.files.items()}
    size = sum(sizes.values())
    old = sorted((folder for folder in folders if now - folder.used > RECENT), key=lambda folder: folder.used)
    mounted = _mounted() if size > limit and old else ""
    old = [folder for folder in old if _as_mounted(folder.path) not in mounted]
    while size > limit:
        found, freed = next(((folder, room) for folder in old if (room := _alone(folder, links))), (None, 0))
        if found is None:
            return
        old.remove(found)
        if _remove(cache, found):
            links.subtract(found.files.keys())
            size -= freed
            days = (now - found.used) / 86_400
            progress(f"removed {found.kind} {found.path.name} from the cache: not used for {days:.0f} days")


def _alone(folder: _Folder, links: Counter[tuple[int, int]]) -> int:
    """Bytes of the files that no other folder has."""
    return sum(size for file, size in folder.files.items() if links[file] == 1)


def _remove(cache: Cache, folder: _Folder) -> bool:
    """Remove it under its lock; False if somebody uses it after all."""
    key = folder.path.name
    aside = cache.root / "tmp" / f"{_ASIDE}{folder.kind}-{key}"
    try:
        with cache.lock(folder.kind, key).acquire(timeout=0):
            aside.parent.mkdir(exist_ok=True)
            folder.path.rename(aside)
            if aside.stat().st_mtime != folder.used:  # found by somebody who did not wait for the lock
                aside.rename(folder.path)
                return False
    except (Timeout, FileNotFoundError):
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _folders(root: Path) -> Iterator[_Folder]:
    for kind in KINDS:
        for path in (root / kind).glob("*/"):
            files = {}
            try:
                used = path.stat().st_mtime
                for entry in _walk(path):
                    found = entry.stat(follow_symlinks=False)
                    files[found.st_dev, found.st_ino] = found.st_blocks * 512
            except FileNotFoundError:
                continue  # somebody else makes room, too
            yield _Folder(kind, path, used, files)


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file below this folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            else:
                yield entry


def _mounted() -> str:
    """The mounts of all processes, as text: machines have the layers of their disks from the cache."""
    seen = {}
    for path in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            space = (path.parent / "ns" / "mnt").readlink()
            if space not in seen:
                seen[space] = path.read_text()
        except OSError:
            continue  # gone, or another user's, who has no machines
    return "\n".join(seen.values())


def _as_mounted(folder: Path) -> str:
    """A path below this folder begins so in a list of mounts, where some characters are octal numbers."""
    special = {ord(character): f"\\{ord(character):03o}" for character in " \t\n\\"}
    return f"{folder}/".translate(special)
