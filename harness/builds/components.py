"""What a cluster needs beside Kubernetes: containerd, etcd, CoreDNS, Azure's cloud provider and the pause program.

Their versions are ours and do not follow the Kubernetes under test, so each is compiled once and shared by all builds. A run may
take one from elsewhere (``--component``): that is how a pull request to the cloud provider is tested. The image tags that kubeadm
asks for name other patch releases; the images carry those tags all the same, because preloaded images are found by name.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.builds.api import Progress, Surroundings
from harness.builds.cache import Cache, digest
from harness.builds.checkouts import open_checkout
from harness.builds.checkouts.api import Checkout, Revision
from harness.builds.command import need, run
from harness.builds.toolchain import Toolchain
from harness.errors import UsageError

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
_CONTAINERD = "github.com/containerd/containerd/v2"
_STAMPED = {
    "cloud-provider-azure": (f"{_AZURE}/pkg/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"),
    "containerd": (f"{_CONTAINERD}/version.Version",),
}
"""Component -> variables that the linker sets to its version."""


def _stamp(name: str, version: str) -> str:
    return " ".join(f"-X {variable}={version}" for variable in _STAMPED.get(name, ()))


CONTAINERD = Component(
    "containerd",
    _CONTAINERD,
    "v2.4.2",
    tuple((name, f"{_CONTAINERD}/cmd/{name}") for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
    stamp=_stamp("containerd", "v2.4.2"),
)
"""Part of the machines, not of an image. Image volumes (KEP-4639) need 2.1 or newer, the node's configuration file 2.0."""
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
    "v1.36.5",
    tuple((name, f"{_AZURE}/cmd/{name}") for name in ("cloud-controller-manager", "cloud-node-manager")),
    stamp=_stamp("cloud-provider-azure", "v1.36.5"),
)
COMPONENTS = (CONTAINERD, ETCD, COREDNS, CLOUD_PROVIDER)
FOLDERS = {"etcd": "server"}
"""Component -> folder of its Go module in a checkout, where that is not the top."""
_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A component, and where this build's comes from."""

    component: Component
    checkout: Checkout | None = None
    """None: the Go module proxy."""
    revision: Revision | None = None

    @property
    def version(self) -> str:
        return self.revision.version if self.revision else self.component.version

    @property
    def label(self) -> str:
        """For keys and records: the version, and exactly which content where that does not follow from it."""
        return f"{self.version} {self.revision.identity}" if self.revision else self.version

    @property
    def tag(self) -> str:
        """The version as an image tag, which may not have a plus."""
        return self.version.replace("+", "_")


def choose(asked: Iterable[str], surroundings: Surroundings) -> tuple[Part, ...]:
    """All components; those that ``asked`` names (``NAME=SOURCE``) from there. Raises ``UsageError``."""
    parts = {component.name: Part(component) for component in COMPONENTS}
    seen = set()
    for text in asked:
        name, equals, source = text.partition("=")
        if not equals or name not in parts or name in seen:
            found = (
                "twice" if name in seen else f"unknown component {name!r}" if equals else "not of the form NAME=SOURCE"
            )
            raise UsageError(
                f"read --component {text}",
                last_seen=found,
                hint=f"components: {', '.join(sorted(parts))}; an example is cloud-provider-azure=path:DIR",
            )
        seen.add(name)
        parts[name] = _from(parts[name].component, source, text, surroundings)
    return tuple(parts.values())


def _from(component: Component, source: str, text: str, surroundings: Surroundings) -> Part:
    scheme, _, reference = source.partition(":")
    if scheme == "module" and re.fullmatch(r"v\d+\.\d+\.\d+\S*", reference):
        _check_major(component, reference, text)
        return Part(replace(component, version=reference, stamp=_stamp(component.name, reference)))
    checkout = open_checkout(source, surroundings)
    if checkout is None:
        raise UsageError(
            f"read --component {text}",
            last_seen=f"{source!r} is not a source of components",
            hint="write module:VERSION, path:DIR or git:URL@REF",
        )
    revision = checkout.revision(FOLDERS.get(component.name, "."))
    module = _MODULE.search(revision.go_mod)
    if module is None or module[1] != component.module:
        found = f"its module is {module[1]}" if module else "no go.mod"
        raise UsageError(
            f"read --component {text}", last_seen=found, hint=f"name a checkout of {component.module}"
        )  # fmt: skip
    stamped = replace(component, version=revision.version, stamp=_stamp(component.name, revision.version))
    return Part(stamped, checkout, revision)


def _check_major(component: Component, version: str, text: str) -> None:
    """A Go module's path names its major version from 2 on; another one's would be looked up in vain."""
    named = re.search(r"/v(\d+)$", component.module)
    if named and not version.startswith(f"v{named[1]}."):
        raise UsageError(
            f"read --component {text}",
            last_seen=f"{version} is not a version of {component.module}",
            hint=f"versions of it begin with v{named[1]}., like {component.version}",
        )


def versions(parts: Iterable[Part]) -> dict[str, str]:
    """Component -> version, for keys and records."""
    return {part.component.name: part.label for part in parts}


def component(cache: Cache, part: Part, toolchain: Toolchain, progress: Progress) -> Path:
    """Folder with the component's static programs."""
    wanted = part.component

    def make(folder: Path) -> None:
        progress(f"compiling {wanted.name} {wanted.version}")
        attempt = f"compile {wanted.name} {wanted.version}"
        module = _exported(part, folder) if part.checkout else _required(wanted, folder, toolchain, attempt)
        flags = f"-s -w {wanted.stamp}".strip()
        for name, package in wanted.programs:
            arguments: list[str | Path] = ["build", "-trimpath", "-ldflags", flags, "-o", folder / name, package]
            toolchain.run(arguments, attempt, cwd=module, timeout=_LIMIT)
        if part.checkout:
            shutil.rmtree(folder / "module")

    material = [wanted, toolchain.version, _RECIPE, *([part.label] if part.revision else [])]
    return cache.obtain("components", f"{wanted.name}-{digest(material)}", make, progress)


def _required(wanted: Component, folder: Path, toolchain: Toolchain, attempt: str) -> Path:
    """A module that requires the component from the module proxy."""
    module = folder / "module"
    module.mkdir()
    toolchain.run(["mod", "init", f"harness.local/{wanted.name}"], attempt, cwd=module, timeout=60)
    toolchain.run(["get", f"{wanted.module}@{wanted.version}"], attempt, cwd=module, timeout=_LIMIT)
    return module


def _exported(part: Part, folder: Path) -> Path:
    """The checkout's files; the module is its own, so that its ``replace`` lines count as for its authors."""
    assert part.checkout is not None
    assert part.revision is not None
    module = folder / "module"
    module.mkdir()
    part.checkout.export(part.revision, module, without=("vendor",))
    return module / FOLDERS.get(part.component.name, ".")


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
