"""Writes a failure's files: secrets masked, sizes limited, and what was cut said in the file and in the manifest.

Of a log the end is kept, since it is about the moment before a failure; of an object's JSON the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from harness.clusters.failures.api import Kept, Limits
from harness.redact.secrets import Secrets

_MARK = 60
"""Bytes kept for the line that says what was cut."""
_LEAST = 200
"""Bytes below which a file is not worth beginning."""


class Allowance:
    """Bytes that all failures of a run may still use; several threads take from it."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = Lock()

    def take(self, wanted: int) -> int:
        """As much of ``wanted`` as there is."""
        with self._lock:
            given = min(wanted, self._left)
            self._left -= given
            return given

    @property
    def spent(self) -> bool:
        return self._left <= 0


@dataclass
class EvidenceFolder:
    """One failure's folder; keeps count. Used by one thread."""

    path: Path
    limits: Limits
    allowance: Allowance
    secrets: Secrets
    files: list[Kept] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def keep(self, name: str, text: str, *, end: bool = True) -> None:
        """Write one file; an empty text is no file.

        :param end: keep the end if it is too long, else the beginning.
        """
        if not text.strip():
            return
        room = min(self.limits.file, self.limits.test - sum(item.bytes for item in self.files))
        if room < _LEAST:
            self.problems.append(f"{name}: left out, the {self.limits.test:,} bytes of a test are used up")
            return
        kept, left_out = _cut(text, room, self.secrets, end=end)
        size = len(kept.encode(errors="replace"))
        if self.allowance.take(size) < size:
            self.problems.append(f"{name}: left out, the {self.limits.run:,} bytes of the run are used up")
            return
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(kept, errors="replace")
        if left_out:
            self.problems.append(f"{name}: {left_out:,} characters left out")
        self.files.append(Kept(name, size, left_out))


def _cut(text: str, room: int, secrets: Secrets, *, end: bool) -> tuple[str, int]:
    """The part that fits into ``room`` bytes, masked, and how many characters are missing.

    More than fits is masked, so that a secret is never cut before it is recognised.
    """
    part = text[-2 * room :] if end else text[: 2 * room]
    unread = len(text) - len(part)
    masked = secrets.mask(part)
    raw = masked.encode(errors="replace")
    if not unread and len(raw) <= room:
        return masked, 0
    room -= _MARK
    kept = (raw[-room:] if end else raw[:room]).decode(errors="ignore")
    left_out = unread + len(masked) - len(kept)
    mark = f"... {left_out:,} characters left out ..."
    return (f"{mark}\n{kept}" if end else f"{kept}\n{mark}\n"), left_out
