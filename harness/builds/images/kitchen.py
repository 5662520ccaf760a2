"""What an image recipe has at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.builds.api import Progress
from harness.builds.cache import Cache
from harness.builds.images import ground
from harness.builds.images.layers import NET_BIND_SERVICE, Entry, Layer
from harness.builds.images.oci import Image, Layout


@dataclass(frozen=True)
class Reference:
    """A full image name, split."""

    text: str

    @property
    def host(self) -> str:
        return self.text.partition("/")[0]

    @property
    def repository(self) -> str:
        """``e2e-test-images/agnhost``."""
        return self.text.partition("/")[2].rpartition(":")[0]

    @property
    def tag(self) -> str:
        return self.text.rpartition(":")[2]


@dataclass(frozen=True)
class Kitchen:
    """Programs, sources and shared layers of one build."""

    cache: Cache
    programs: Path
    """Folder with Kubernetes' own programs."""
    tree: Path
    """Folder of the k8s.io/kubernetes module: Dockerfiles and files of the test images."""
    components: dict[str, Path]
    """Component -> folder with its programs."""
    progress: Progress
    layout: Layout
    kept: dict[str, Image] = field(default_factory=dict)
    """Images that others stand on, by repository."""

    @cached_property
    def ground(self) -> Layer:
        return ground.ground(self.cache, self.progress)

    @cached_property
    def static(self) -> Layer:
        return ground.static(self.cache, self.progress)

    @cached_property
    def busybox(self) -> Layer:
        return ground.busybox_system(self.cache, self.progress)

    @cached_property
    def alpine(self) -> tuple[Layer, ...]:
        """Layers of an image that upstream builds from Alpine."""
        return (self.ground, ground.alpine_like(self.cache, self.progress))

    @cached_property
    def coredns(self) -> Layer:
        """/coredns, allowed to bind port 53 without being root; some test images carry it too."""
        program = self.components["coredns"] / "coredns"
        return self.layout.layer([Entry("coredns", content=program, capability=NET_BIND_SERVICE)])

    @cached_property
    def log_runner(self) -> Layer:
        """/go-runner, the entry point of the control plane's images."""
        return self.layout.layer([Entry("go-runner", content=self.programs / "kube-log-runner")])

    def file(self, path: str) -> Path:
        """A file of test/images."""
        return self.tree / "test/images" / path


Recipe = Callable[[Kitchen, Reference], Image]
"""Makes the image of one repository."""
