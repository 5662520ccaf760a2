"""A containerd store with every image of a build imported and unpacked, made once and cloned for each machine.

The machine's own containerd fills it (its databases belong to that version), in a chroot of its layers inside private
mount and PID namespaces: when this process dies, so do containerd and the mounts. The blobs are hard links to those of the
build's OCI layout, so the store costs only the unpacked files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.builds.api import Progress
from harness.builds.command import need, run

RECIPE = 2
"""Raise when the store of the same images would come out differently."""
_LIMIT = 900.0
"""Seconds for the import; 20 are usual."""


def make_store(oci: Path, layers: Sequence[Path], target: Path, progress: Progress) -> None:
    """Make ``target`` a containerd root directory with all images of the layout.

    :param layers: of the machine, top first; containerd and ctr are among its programs.
    """
    need("unshare", package="util-linux")
    progress("importing the images into the machines' containerd store")
    blobs = target / "io.containerd.content.v1.content/blobs/sha256"
    blobs.mkdir(parents=True)
    for blob in sorted((oci / "blobs/sha256").iterdir()):
        os.link(blob, blobs / blob.name)
    work = target.with_name(f"{target.name}.work")
    work.mkdir()
    namespaces = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"]
    worker: list[str | Path] = [sys.executable, "-m", "harness.builds.machine.importing", work, oci, target]
    run([*namespaces, *worker, *layers], "import the images into a containerd store", timeout=_LIMIT)
    work.rmdir()
