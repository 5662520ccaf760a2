"""Secrets in files that were collected, in place: text, gzip, tar and zip; in archives member by member.

A file that is none of these (a core dump, an image) is left alone: blanking out bytes would break it and prove nothing. A text may well
have a few bytes that are no UTF-8; it has no NUL.
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from harness.redact import Known, redact

_DEPTH = 3
_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    RuntimeError,
)
"""A broken archive; ``RuntimeError`` is zipfile's word for one that has a password, or is packed in a new way."""


def mask_folder(folder: Path, known: Known) -> int:
    """Mask every file below a folder; links are not followed. How many were changed."""
    return sum(mask_file(path, known) for path in _files(folder))


def mask_file(path: Path, known: Known) -> bool:
    """Mask one file by a rename; whether it was changed."""
    before = path.read_bytes()
    after = masked(before, known)
    if after == before:
        return False
    fresh = path.with_name(f".{path.name}.masked")
    fresh.touch(mode=0o600)
    fresh.write_bytes(after)
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)
    return True


def masked(data: bytes, known: Known, depth: int = _DEPTH) -> bytes:
    """The content of a file without its secrets; the same bytes if it has none, or is of a kind that cannot be read."""
    try:
        if depth and data.startswith(b"\x1f\x8b"):
            inner = gzip.decompress(data)
            clean = masked(inner, known, depth - 1)
            return data if clean == inner else gzip.compress(clean, mtime=0)
        if depth and data.startswith(b"PK\x03\x04"):
            return _zip(data, known, depth)
        if depth and data[257:262] == b"ustar":
            return _tar(data, known, depth)
    except _UNREADABLE:
        return data
    if b"\0" in data:
        return data
    return redact(data.decode(errors="surrogateescape"), known).encode(errors="surrogateescape")


def _zip(data: bytes, known: Known, depth: int) -> bytes:
    target, changed = io.BytesIO(), False
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for item in source.infolist():
            before = source.read(item)
            after = masked(before, known, depth - 1)
            changed |= after != before
            made.writestr(item, after)
    return target.getvalue() if changed else data


def _tar(data: bytes, known: Known, depth: int) -> bytes:
    target, changed = io.BytesIO(), False
    with tarfile.open(fileobj=io.BytesIO(data)) as source, tarfile.open(fileobj=target, mode="w") as made:
        for item in source:
            file = source.extractfile(item)
            before = file.read() if file else b""
            after = masked(before, known, depth - 1) if file else b""
            changed |= after != before
            item.size = len(after)
            made.addfile(item, io.BytesIO(after))
    return target.getvalue() if changed else data


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path
