"""Image layers as tar files that come out the same, byte for byte, whenever their content is the same.

They are not compressed: machines take them from this host, and neither making nor unpacking them should cost time.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

NET_BIND_SERVICE = "\x01\x00\x00\x02\x00\x04\x00\x00" + "\x00" * 12
"""The file capability cap_net_bind_service=+ep, as the kernel keeps it (struct vfs_cap_data, revision 2)."""


@dataclass(frozen=True)
class Entry:
    """A file, folder or symbolic link of a layer."""

    path: str
    """Without a leading slash."""
    content: Path | bytes | None = None
    """Of a file; None for folders and links."""
    target: str = ""
    """Of a symbolic link."""
    mode: int = 0o755
    owner: int = 0
    capability: str = ""
    """Value of security.capability."""


@dataclass(frozen=True)
class Layer:
    """A finished layer."""

    path: Path
    digest: str
    """``sha256:...`` of the tar file, which is also its diff id."""
    size: int


def write_entries(entries: Iterable[Entry], target: Path) -> Layer:
    """A layer with these entries and the folders above them, sorted by path."""
    wanted = {entry.path: entry for entry in entries}
    folders = {str(parent) for path in wanted for parent in Path(path).parents} - {".", *wanted}
    ordered = sorted([*wanted.values(), *(Entry(path) for path in folders)], key=lambda entry: entry.path)

    def fill(archive: tarfile.TarFile) -> None:
        for entry in ordered:
            _add(archive, entry)

    return write_tar(target, fill)


def write_folder(root: Path, target: Path, skip: tuple[str, ...]) -> Layer:
    """A layer with everything below a folder, owners and modes as they are.

    :param skip: folders, relative to the root, that are kept but emptied.
    """

    def fill(archive: tarfile.TarFile) -> None:
        for path in _walk(root, root, skip):
            archive.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=_plain)

    return write_tar(target, fill)


def write_tar(target: Path, fill: Callable[[tarfile.TarFile], None]) -> Layer:
    """Write a tar file and hash it on the way."""
    with target.open("wb") as raw:
        hashing = _Hashing(raw)
        with tarfile.open(fileobj=hashing, mode="w", format=tarfile.PAX_FORMAT) as archive:
            fill(archive)
        return Layer(target, f"sha256:{hashing.sum.hexdigest()}", raw.tell())


class _Hashing(io.RawIOBase):
    """Passes writes on and keeps their sum."""

    def __init__(self, raw: io.BufferedWriter) -> None:
        self._raw = raw
        self.sum = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        assert isinstance(data, bytes | bytearray | memoryview)
        self.sum.update(data)
        return self._raw.write(data)

    def tell(self) -> int:
        return self._raw.tell()


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode = entry.mode
    info.uid = info.gid = entry.owner
    if entry.target:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
        archive.addfile(info)
    elif entry.content is None:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    else:
        if entry.capability:
            info.pax_headers = {"SCHILY.xattr.security.capability": entry.capability}
        _add_file(archive, info, entry.content)


def _add_file(archive: tarfile.TarFile, info: tarfile.TarInfo, content: Path | bytes) -> None:
    if isinstance(content, bytes):
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
        return
    info.size = content.stat().st_size
    with content.open("rb") as stream:
        archive.addfile(info, stream)


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mtime = 0
    info.uname = info.gname = ""
    return info


def _walk(root: Path, folder: Path, skip: tuple[str, ...]) -> Iterable[Path]:
    for item in sorted(os.scandir(folder), key=lambda item: item.name):
        path = Path(item.path)
        yield path
        if item.is_dir(follow_symlinks=False) and str(path.relative_to(root)) not in skip:
            yield from _walk(root, path, skip)
