"""The managed image folder of a build; its shape is docs/reference/managed-image.md.

Two overlay layers: Debian, shared by all builds, and a thin one with the programs of this build. The containerd store is a
template: every machine gets a clone of it by hard links, so images are imported once a build and not once a machine.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from harness.builds.components import CONTAINERD
from harness.builds.machine import system

PROGRAMS = ("kubeadm", "kubelet", "kubectl", *(name for name, _ in CONTAINERD.programs))
"""What a node needs outside of containers."""
COPIED = ("*.db",)
"""Files of a seed that are written in place (bolt databases): cloned by copying, all others by hard link."""
VOLUMES = ("var/lib/containerd", "var/lib/kubelet", "var/lib/etcd")
"""Folders that may not be on an overlay: containerd's snapshots, kubelet's volumes, etcd's write-ahead log."""


def write_image(folder: Path, *, final: Path, base: Path, programs: Path, registry: Path) -> None:
    """Fill ``folder``, which will be renamed to ``final``, with all but the store ``containerd``.

    :param base: the Debian tree below.
    :param programs: the build's ``bin`` folder; what a node needs is hard-linked from it.
    :param registry: OCI layout that a registry beside the machines may serve.
    """
    layer = folder / "layer"
    layer.mkdir(parents=True)
    system.write_layer(layer)
    target = layer / "usr/bin"
    target.mkdir(parents=True)
    for name in PROGRAMS:
        _link(programs / name, target / name)
    text = json.dumps(
        {
            "layers": [str(final / "layer"), str(base)],
            "seeds": {"var/lib/containerd": str(final / "containerd")},
            "copied": list(COPIED),
            "volumes": list(VOLUMES),
            "registry": str(registry),
        },
        indent=2,
    )
    (folder / "image.json").write_text(text + "\n")


def _link(source: Path, target: Path) -> None:
    """Hard link, or copy where the two are on different file systems."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
