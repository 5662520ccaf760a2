"""The archive that a node on Azure fetches: its programs, and all images as one OCI archive that ``ctr images import`` reads.

gzip, because every Debian has it; ``bundle.json`` says what is inside and its digests.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from harness.builds.api import Build, Progress
from harness.builds.machine.image import PROGRAMS

_LEVEL = 1
"""Of gzip: three quarters of the gain at a fifth of the time."""


def write_bundle(build: Build, target: Path, progress: Progress) -> None:
    """Write ``bundle.json``, ``bin/*`` and ``oci/*`` of a build into a .tar.gz."""
    progress("packing the bundle for nodes")
    programs = {f"bin/{name}": build.program(name) for name in PROGRAMS}
    images = {f"oci/{path.relative_to(build.oci)}": path for path in sorted(build.oci.rglob("*")) if path.is_file()}
    described: dict[str, Any] = {
        "version": build.version,
        "key": build.key,
        "images": build.record["images"],
        "programs": {name: _digest(path) for name, path in programs.items()},
    }
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        text = (json.dumps(described, indent=2) + "\n").encode()
        archive.addfile(_info("bundle.json", len(text), 0o644), io.BytesIO(text))
        for name, path in (programs | images).items():
            with path.open("rb") as stream:
                mode = 0o755 if name in programs else 0o644
                archive.addfile(_info(name, path.stat().st_size, mode), stream)


def _info(name: str, size: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = mode
    return info


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
