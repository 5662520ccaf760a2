"""Files appear whole or not at all, whoever is killed meanwhile: Jenkins turns a 0-byte JUnit file into a failed case of its own."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, text: str, *, parents: bool = True) -> None:
    """Write by one rename. Two processes may write the same file: one of them wins.

    :param parents: make the folder; without, it may have been removed for good, and ``FileNotFoundError`` is raised.
    """
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
