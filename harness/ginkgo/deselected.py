"""Files of tests to leave out: one node id or spec name a line, with a reason after `` # ``; blank lines and lines of ``#`` are comments.

A test with a reason stays in every report, skipped with that reason; one without is not collected at all, as with pytest's
``--deselect``. A line that names nothing is an error, so that such a list cannot rot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.ginkgo.inventory import stable_name

_REASON = re.compile(r"\s+#\s+")


@dataclass(frozen=True)
class Deselected:
    """One line."""

    place: str
    """``known.txt, line 3``."""
    text: str
    """As written: ``suites/volumes/test_disks.py::test_grow``, or ``[sig-apps] Job should delete a job``."""
    reason: str
    """Empty if none was given."""

    @property
    def explained(self) -> str:
        """The reason as reports show it."""
        return f"{self.reason} ({self.place})"

    def matches(self, nodeid: str, spec: str) -> bool:
        """Whether this line means the test: by its node id, by the file or class it is in, or by its spec's name.

        :param spec: stable name of the spec that the test is; empty if it is none.
        """
        inside = nodeid.startswith((f"{self.text}::", f"{self.text}["))
        return nodeid == self.text or inside or (bool(spec) and stable_name(self.text) == spec)


def read_deselected(paths: Iterable[str]) -> tuple[Deselected, ...]:
    """Every line of these files; raises ``UsageError`` for one that cannot be read."""
    return tuple(entry for path in paths for entry in _entries(Path(path)))


def _entries(path: Path) -> list[Deselected]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--deselect-from {path} cannot be read: {error}", hint="write one node id or spec name a line"
        ) from error
    entries = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            text, *reason = _REASON.split(line.strip(), maxsplit=1)
            entries.append(Deselected(f"{path.name}, line {number}", text, "".join(reason)))
    return entries
