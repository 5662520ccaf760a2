"""What the rest of the harness knows of builds: a source goes in, a folder with everything a cluster and its tests need comes out.

A build is content-addressed: its key covers the source's exact version, the toolchain, the versions of the components that come
with it and the recipe itself. The same key is never built twice, also when two processes ask at the same time, and a build that
was killed leaves nothing half-made, because it appears under its final name by one rename.

Folder of a build (``Build.folder``)::

    build.json       key, version, components and their versions, digests, seconds each step took
    bin/             kubeadm kubelet kubectl kube-apiserver ... e2e.test (host and node programs)
    oci/             OCI image layout of every image; index.json annotates each with its full reference
    inventory.json   every spec of e2e.test: the ginkgo dry-run report, reduced (see harness.ginkgo.api)
    image-KEY/       managed image for local Azure (image.json, layers, containerd store), made by ``node_image``
    bundle.tar.gz    what a node on Azure fetches: programs and images (made on demand by ``bundle``)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

Progress = Callable[[str], None]
"""Called with one line for each step that takes more than a moment."""


def silent(line: str) -> None:
    """A ``Progress`` for those who do not look."""


MIRROR = "https://dl.k8s.io"
"""Where the Kubernetes project publishes its releases and its continuous builds."""


@dataclass(frozen=True)
class Resolved:
    """A source, resolved to one exact version. Its repr, which leaves ``reference`` out, is part of the build's key."""

    scheme: str
    version: str
    """Kubernetes version with the leading v, as it will be stamped: ``v1.37.2``."""
    identity: str
    """Whatever makes the content unique: module version and sum, commit and tree state."""
    reference: str = field(default="", repr=False, compare=False)
    """What resolves to the same again, where the one that was given may move: a commit instead of a branch, an absolute folder."""


@dataclass(frozen=True)
class Surroundings:
    """What a source works with."""

    cache: Path
    """Root of the cache, where a source may keep what it fetched."""
    mirror: str = MIRROR
    """Base URL of ``release:`` and ``ci:``."""
    progress: Progress = silent


class Source(Protocol):
    """Where a Kubernetes comes from. Found by the entry-point group ``harness.sources``; the name is the scheme.

    The entry point is called with :class:`Surroundings`.
    """

    scheme: str

    def resolve(self, reference: str) -> Resolved:
        """Resolve what follows the colon to an exact version; raises ``UsageError`` naming what is allowed."""
        ...

    def prepare(self, resolved: Resolved, folder: Path, progress: Progress) -> None:
        """Make ``folder`` a Go module in which ``k8s.io/kubernetes/...`` packages build, offline from then on.

        It holds go.mod and tools.go (:func:`harness.builds.programs.tools_file`), and may hold ``stamp.json``, what the source
        knows beyond the version, and ``bin/``, programs that come ready-made and are not compiled.
        """
        ...


@dataclass(frozen=True)
class Build:
    """A finished build."""

    folder: Path
    source: str
    """As the user wrote it: ``module:v1.37.2``."""
    version: str
    key: str

    def program(self, name: str) -> Path:
        """Path of a program: ``kubectl``, ``e2e.test``, ..."""
        return self.folder / "bin" / name

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.json"

    @property
    def oci(self) -> Path:
        return self.folder / "oci"

    @cached_property
    def record(self) -> dict[str, Any]:
        """build.json."""
        loaded: dict[str, Any] = json.loads((self.folder / "build.json").read_text())
        return loaded


class Builder(Protocol):
    """Turns sources into builds; ``harness.builds.open_builder`` returns the real one."""

    def resolve(self, source: str) -> Resolved:
        """The exact version of a source; raises ``UsageError`` for an unknown one."""
        ...

    def find(self, source: str) -> Build | None:
        """The finished build of this source, or None; never builds."""
        ...

    def build(self, source: str, progress: Progress) -> Build:
        """Find or make the build; raises ``BuildError`` with the compiler's last lines, ``UsageError`` for an unknown source."""
        ...

    def node_image(self, build: Build, progress: Progress) -> Path:
        """Find or make the managed image folder (``image.json``) for local Azure's machines."""
        ...

    def bundle(self, build: Build, progress: Progress) -> Path:
        """Find or make the archive that a node fetches where there is no managed image."""
        ...
