"""A whole bring-up and teardown without machines: the real cloud, deployer, template and local Azure, over a fabric that records.

Only what needs a running Kubernetes is left out: the cluster counts as ready as soon as its deployment succeeded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from localazure.conftest import RunningServer
from recording_fabric import FakeFabric

from harness.builds.api import Build, Resolved
from harness.clouds.local import LocalCloud
from harness.clouds.server import LocalServer, ServerInfo
from harness.clusters.api import Cluster
from harness.clusters.diagnostics import collect
from harness.deployers.api import ClusterRequest
from harness.deployers.kubeadm.deployer import KubeadmDeployer
from harness.deployers.kubeadm.names import names
from harness.ginkgo.api import EVERYTHING, SEED
from harness.runs.parts import Parts
from harness.settings import Settings, load

VERSION = "v1.37.2"
_TESTS = Path(__file__).parents[1] / "localazure"
_IMAGES = ("registry.k8s.io/pause:3.10.2", "mcr/azure-cloud-controller-manager:v1", "mcr/azure-cloud-node-manager:v1")
_FABRIC = ("--fabric", "recording_fabric:FakeFabric")


class MatrixCloud(LocalCloud):
    """Local Azure, with a managed image that no machine will read."""

    def _node_image(self, build: Build, progress: Any) -> Path:
        return build.folder / "image"


class TemplateDeployer(KubeadmDeployer):
    """kubeadm's deployment, without Kubernetes."""

    def _wait(self, cluster: Cluster, request: ClusterRequest, progress: Any, begun: float) -> dict[str, float]:
        progress("made up: ready")
        cluster.kubeconfig.unlink()  # there is no API server, and nobody shall wait for its answer
        return {}

    def collect(self, request: ClusterRequest, folder: Path, deadline: datetime) -> None:
        """Only what comes through the cloud: there is no API server."""
        wanted = names(request.group, request.control_planes, request.workers)
        collect(self._cloud, request.group, wanted.nodes, folder / "none", folder, deadline, request.secrets)

    def is_up(self, cluster: Cluster) -> bool:
        return True


class MadeBuild:
    """A builder whose builds are there already."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.cache / "build"

    def resolve(self, source: str) -> Resolved:
        return Resolved("module", VERSION, VERSION)

    def find(self, source: str) -> Build | None:
        return Build(self._folder, source, VERSION, "key")

    def build(self, source: str, progress: Any) -> Build:
        image = self._folder / "image"
        image.mkdir(parents=True, exist_ok=True)
        (image / "image.json").write_text(json.dumps({"registry": "oci"}))
        (self._folder / "build.json").write_text(json.dumps({"images": _IMAGES}))
        (self._folder / "inventory.json").write_text(json.dumps({"seed": SEED, "filter": EVERYTHING, "specs": []}))
        return Build(self._folder, source, VERSION, "key")


class Site:
    """Settings, parts and the server that runs of the matrix use, one after the other."""

    def __init__(self, settings: Settings, cloud: type[LocalCloud], server: Any) -> None:
        self.settings = settings
        self.server = server
        self.parts = Parts(
            deployer=lambda name: TemplateDeployer,
            cloud=lambda name: cloud,  # type: ignore[arg-type, return-value]
            builder=MadeBuild,  # type: ignore[arg-type]
        )

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the server that faults do not meet: below ``/localazure``, or after they were cleared."""
        return self.server.ok(method, path, body)


@contextmanager
def in_thread(folder: Path) -> Iterator[Site]:
    """A site whose server is a thread of this process, with its fabric at hand as ``site.server.fabric``."""
    server = RunningServer(folder / "server", FakeFabric(folder, pace=0.0))
    facts = server.facts
    info = ServerInfo(**{name: facts[name] for name in ServerInfo.__dataclass_fields__})

    class ThreadCloud(MatrixCloud):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            self._server = _Held(info)  # type: ignore[assignment]

    try:
        yield Site(_settings(folder), ThreadCloud, server)
    finally:
        server.stop()


@contextmanager
def in_process(folder: Path) -> Iterator[Site]:
    """A site whose server is a process that may be killed; as in the product, whoever holds it starts it again."""

    class ProcessCloud(MatrixCloud):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            self._server = LocalServer(settings.state / "localazure", arguments=_FABRIC)

    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = str(_TESTS)  # of whoever starts the server, to find its fabric
    settings = _settings(folder)
    server = LocalServer(settings.state / "localazure", arguments=_FABRIC)
    server.hold()
    try:
        yield Site(settings, ProcessCloud, _Asked(server))
    finally:
        with server.locked():
            server.release()
            info = server.ensure()
            server.stop(info, info.client_secret)
        os.environ["PYTHONPATH"] = before


class _Held:
    """A server that nobody has to start or stop."""

    def __init__(self, info: ServerInfo) -> None:
        self._info = info

    def hold(self, *, kept: bool = False) -> ServerInfo:
        return self._info

    def release(self) -> bool:
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield


class _Asked:
    """The owner's requests to a server in a process of its own."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        from server_process import Process

        with self._server.locked():
            self._server.ensure()
        asked = Process.__new__(Process)
        asked.state, asked._token = self._server._folder, ""
        return asked.ok(method, path, body)


def _settings(folder: Path) -> Settings:
    return load({"reports": "reports", "state": "state", "cache": "cache"}, {}, folder)
