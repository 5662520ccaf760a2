"""What a writer masks with: the secrets that certain files and the environment hold, as they become known.

A run's first output is written before its clusters have any keys, and its log is written by processes that live as long as the run.
So the files are looked at again whenever something is masked, and read again when one of them has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.redact import Known, redact

Stamp = tuple[Path, int, int, int]
"""A file as it was: path, and what changes with its content."""


def no_files() -> Iterable[Path]:
    """Of a writer that knows no run."""
    return ()


class Secrets:
    """Masks by shape, and by the values that are known now; several threads may.

    :param holders: finds the files that hold secrets (:meth:`Known.of_files`); asked anew each time.
    :param environ: the environment that may hold others.
    """

    def __init__(
        self, holders: Callable[[], Iterable[Path]] = no_files, environ: Mapping[str, str] | None = None
    ) -> None:
        self._holders = holders
        self._read: tuple[frozenset[Stamp], Known] = (frozenset(), Known.of_environment(environ or {}))

    @property
    def known(self) -> Known:
        """All that has been seen so far: what was once a secret stays one, also when its file is gone."""
        seen, known = self._read
        stamps = frozenset(stamp for path in self._holders() if (stamp := _stamp(path)))
        if not stamps <= seen:
            found = known | Known.of_files(path for path, *_ in stamps - seen)
            known = known if found == known else found
            self._read = (seen | stamps, known)
        return known

    def mask(self, text: str) -> str:
        """The text with every secret replaced by ``[redacted]``."""
        return redact(text, self.known)


def _stamp(path: Path) -> Stamp | None:
    """None if there is no such file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return path, facts.st_mtime_ns, facts.st_size, facts.st_ino
