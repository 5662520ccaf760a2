"""Machines for the fabric's tests: a small Debian that runs cloud-init, and what is asked of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fabric_lab import PATIENCE

from harness.builds import debian
from harness.builds.cache import Cache
from harness.builds.machine import system
from harness.localazure.fabric.api import Condition, DataDisk, MachinePlan
from harness.localazure.fabric.linux import LinuxFabric

USER_DATA = b"""#cloud-config
write_files:
- {path: /root/written, content: by cloud-init}
runcmd:
- [sh, -c, "echo $(hostname) > /root/booted; cp /run/cloud-init/instance-data.json /root/instance.json || true"]
"""


def managed_image(folder: Path) -> Path:
    """A managed image without Kubernetes: the machines' Debian, from the build cache, and a seed of two files."""
    cache = Path(os.environ.get("HARNESS_CACHE", "~/.cache/kubernetes-azure-harness")).expanduser()
    base = debian.tree(Cache(cache), system.TREE, print)
    system.write_layer(folder / "layer")
    seed = folder / "store"
    (seed / "inner").mkdir(parents=True)
    (seed / "inner/shared").write_text("shared")
    (seed / "inner/state.db").write_text("seed")
    (folder / "image.json").write_text(
        json.dumps(
            {
                "layers": [str(folder / "layer"), str(base)],
                "seeds": {"var/lib/containerd": str(seed)},
                "copied": ["*.db"],
                "volumes": ["var/lib/containerd", "var/lib/kubelet"],
                "registry": str(folder),
            }
        )
    )
    return folder


def machine(
    image: Path, number: int = 1, *, disks: tuple[DataDisk, ...] = (), condition: Condition = Condition.WELL
) -> MachinePlan:
    return MachinePlan(f"vm{number}", f"node-{number}", image, 2, 4096, USER_DATA, "azureuser", disks, condition)


async def output(fabric: LinuxFabric, key: str, *argv: str) -> str:
    code, text = await fabric.run_command(key, argv, 10 * PATIENCE)
    assert code == 0, text
    return text.decode().strip()


async def booted(fabric: LinuxFabric, key: str) -> None:
    """Wait until cloud-init ran its last command."""
    wait = "until test -e /root/booted; do sleep 0.05; done"
    assert (await fabric.run_command(key, ("sh", "-c", wait), 30 * PATIENCE))[0] == 0
