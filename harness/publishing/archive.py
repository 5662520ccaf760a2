"""Which files of a run are published, and the zip in which they travel.

The list is what jenkins/Jenkinsfile.ingest takes. ``cells/`` and ``plan.json`` are not in it: they hold kubeconfigs and the places of
secrets. What goes is masked once more on its way, since a writer that forgot to is not noticed by anybody later.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape, unescape

from harness.errors import UsageError
from harness.redact.files import masked
from harness.runs.secrets import known_secrets

FILES = ("index.html", "summary.md", "build-log.txt", "started.json", "finished.json", "results.jsonl")
_ARTIFACTS = "artifacts"
_ATTACHMENT = re.compile(r"\[\[ATTACHMENT\|(.+?)\]\]")
_WHEN = (1980, 1, 1, 0, 0, 0)
"""The same run gives the same bytes."""


def members(folder: Path) -> list[str]:
    """Paths relative to the run's folder; raises ``UsageError`` if there is no JUnit among them."""
    artifacts = sorted(
        path.relative_to(folder).as_posix()
        for path in (folder / _ARTIFACTS).rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    )
    if not any(_is_junit(name) for name in artifacts):
        raise UsageError(f"{folder} has no JUnit files", hint=f"write them: harness report {folder.name}")
    return [name for name in FILES if (folder / name).is_file()] + artifacts


def contents(folder: Path, base: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, without secrets; attachments point to where it will lie.

    :param base: the folder that receives it, as the ``junit`` step will find it.
    """
    known, names = known_secrets(folder), members(folder)
    for name in names:
        data = masked((folder / name).read_bytes(), known)
        yield name, _moved(data, folder, base, frozenset(names)) if _is_junit(name) else data


def pack(folder: Path, target: Path, base: str) -> Path:
    """Write the zip, by one rename."""
    fresh = target.with_name(f".{target.name}.part")
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents(folder, base):
            info = zipfile.ZipInfo(name, _WHEN)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    return fresh.replace(target)


def _is_junit(name: str) -> bool:
    return re.fullmatch(rf"{_ARTIFACTS}/junit_[^/]*\.xml", name) is not None


def _moved(data: bytes, folder: Path, base: str, published: frozenset[str]) -> bytes:
    """JUnit names attachments by where they lie on this host; those that do not go along become a line of text."""

    before = f"{escape(str(folder))}/"

    def place(match: re.Match[str]) -> str:
        if not match[1].startswith(before):
            return match[0]
        name = match[1].removeprefix(before)
        known = unescape(name) in published
        return f"[[ATTACHMENT|{escape(base)}/{name}]]" if known else f"evidence in the run's folder: {name}"

    return _ATTACHMENT.sub(place, data.decode()).encode()
