"""What a cluster needs beside Kubernetes: etcd, CoreDNS, Azure's cloud provider and the pause program.

Their versions are ours and do not follow the Kubernetes under test, so each is compiled once and shared by all builds. The
image tags that kubeadm asks for name other patch releases; the images carry those tags all the same, because preloaded images
are found by name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.builds.api import Progress
from harness.builds.cache import Cache, digest
from harness.builds.command import need, run
from harness.builds.toolchain import Toolchain

_RECIPE = 1
_LIMIT = 1800.0
"""Seconds for one component; 160 are usual."""


@dataclass(frozen=True)
class Component:
    """A Go module and the commands wanted of it."""

    name: str
    module: str
    version: str
    programs: tuple[tuple[str, str], ...]
    """(program, package)."""
    stamp: str = ""
    """Linker flags."""


_AZURE = "sigs.k8s.io/cloud-provider-azure"
_AZURE_VERSION = "v1.36.5"

ETCD = Component(
    "etcd",
    "go.etcd.io/etcd/server/v3",
    "v3.6.16",
    (("etcd", "go.etcd.io/etcd/server/v3"),),
)
COREDNS = Component(
    "coredns",
    "github.com/coredns/coredns",
    "v1.15.0",
    (("coredns", "github.com/coredns/coredns"),),
)
CLOUD_PROVIDER = Component(
    "cloud-provider-azure",
    _AZURE,
    _AZURE_VERSION,
    tuple((name, f"{_AZURE}/cmd/{name}") for name in ("cloud-controller-manager", "cloud-node-manager")),
    stamp=" ".join(
        f"-X {package}.gitVersion={_AZURE_VERSION}"
        for package in (f"{_AZURE}/pkg/version", "k8s.io/client-go/pkg/version")
    ),
)
COMPONENTS = (ETCD, COREDNS, CLOUD_PROVIDER)


def versions() -> dict[str, str]:
    """Component -> version, for keys and records."""
    return {component.name: component.version for component in COMPONENTS}


def component(cache: Cache, wanted: Component, toolchain: Toolchain, progress: Progress) -> Path:
    """Folder with the component's static programs."""

    def make(folder: Path) -> None:
        progress(f"compiling {wanted.name} {wanted.version}")
        attempt = f"compile {wanted.name} {wanted.version}"
        module = folder / "module"
        module.mkdir()
        toolchain.run(["mod", "init", f"harness.local/{wanted.name}"], attempt, cwd=module, timeout=60)
        toolchain.run(["get", f"{wanted.module}@{wanted.version}"], attempt, cwd=module, timeout=_LIMIT)
        flags = f"-s -w {wanted.stamp}".strip()
        for name, package in wanted.programs:
            arguments: list[str | Path] = ["build", "-trimpath", "-ldflags", flags, "-o", folder / name, package]
            toolchain.run(arguments, attempt, cwd=module, timeout=_LIMIT)

    key = digest([wanted, toolchain.version, _RECIPE])
    return cache.obtain("components", f"{wanted.name}-{key}", make, progress)


def pause(cache: Cache, source: Path, version: str, progress: Progress) -> Path:
    """The pause program, compiled from the ``pause.c`` of the Kubernetes under test.

    :param version: what ``pause -v`` says: the image's tag.
    """

    def make(folder: Path) -> None:
        need("gcc", package="gcc libc6-dev")
        progress(f"compiling pause {version}")
        flags = ["-Os", "-Wall", "-Werror", "-static", f"-DVERSION=v{version}"]
        run(["gcc", *flags, "-o", folder / "pause", source], f"compile pause {version}", timeout=60)
        run(["strip", folder / "pause"], f"strip pause {version}", timeout=60)
        (folder / "pause").chmod(0o755)

    key = digest([source.read_text(), version, os.uname().machine, _RECIPE])
    return cache.obtain("components", f"pause-{key}", make, progress) / "pause"
