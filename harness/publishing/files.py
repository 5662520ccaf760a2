"""Publishing as files: a folder, or the workspace of the Jenkins we run in, where its ``junit`` and ``archiveArtifacts`` steps find them.

``DIR/<run>/`` has what an ingest job would get, and three small files for a pipeline that names its build: ``display-name.txt``,
``description.txt``, ``publication.json``. It appears by one rename; the same again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.publishing.api import Publication, Published, Tell
from harness.publishing.archive import contents
from harness.publishing.state import alone

_PUBLICATION = "publication.json"
_PATIENCE = 600.0


@dataclass(frozen=True)
class FolderPublisher:
    """A folder."""

    folder: Path

    def publish(self, publication: Publication, tell: Tell) -> Published:
        """Write it, or find the same there."""
        target = self.folder / publication.run
        if target.resolve() == publication.folder.resolve():
            raise UsageError(f"{target} is the run's own folder", hint="publish to another one")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with alone(self.folder, _PATIENCE):
                return self._publish(publication, target)
        except OSError as error:
            raise UsageError(f"{self.folder} cannot be written: {error.strerror or error}") from error

    def _publish(self, publication: Publication, target: Path) -> Published:
        fresh, old = (self.folder / f".{publication.run}.{kind}" for kind in ("part", "old"))
        for rest in (fresh, old):  # of somebody who was killed
            shutil.rmtree(rest, ignore_errors=True)
        files = [*contents(publication.folder, str(target.resolve()))]
        files += _told(publication, _digest(files))
        if _said(target) == json.loads(files[-1][1]):
            return Published(str(target), already=True)
        for name, data in files:
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(data)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return Published(str(target), already=False)


def _told(publication: Publication, digest: str) -> list[tuple[str, bytes]]:
    said = {
        "run": publication.run,
        "display_name": publication.display_name,
        "description": publication.description,
        "badge": publication.badge,
        "digest": digest,
    }
    return [
        ("display-name.txt", publication.display_name.encode()),
        ("description.txt", publication.description.encode()),
        (_PUBLICATION, (json.dumps(said, indent=1) + "\n").encode()),
    ]


def _said(target: Path) -> object:
    try:
        return json.loads((target / _PUBLICATION).read_text())
    except (OSError, ValueError):
        return None


def _digest(files: Iterable[tuple[str, bytes]]) -> str:
    hashed = hashlib.sha256()
    for name, data in files:
        hashed.update(f"{name}\0{len(data)}\0".encode() + data)
    return hashed.hexdigest()
