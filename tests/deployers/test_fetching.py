"""What nodes do on Azure, walked on local Azure: start from plain Debian, fetch the build by a signed URL, verify it, become a cluster.

The Blob endpoint is Azurite (azurite.py). The machines' image has the Debian packages already, since nothing here reaches a package
mirror; with no package source configured, cloud-init's package step runs and finds everything installed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from kubernetes import client

from harness.builds import debian, open_builder
from harness.builds.api import Build
from harness.builds.cache import Cache
from harness.builds.machine import system
from harness.builds.machine.image import VOLUMES
from harness.clouds import bundles
from harness.clouds.api import TAG_CREATED, TAG_RUN, NodeProfile
from harness.clouds.local import LocalCloud
from harness.clusters.kube import items, open_client
from harness.deployers.api import ClusterRequest
from harness.deployers.kubeadm.deployer import KubeadmDeployer
from harness.deployers.kubeadm.names import NETWORK, SUBNET, names
from harness.errors import AbortedError
from harness.localazure.arm.ids import fabric_key
from harness.localazure.fabric.names import Names as FabricNames
from harness.settings import Settings

from .azurite import Blobs, azurite, serving
from .test_up import SOURCE, Printed, soon

pytestmark = [pytest.mark.root, pytest.mark.e2e]

LOCATION = "westeurope"
REFUSED = "the bundle is refused: its SHA-256 digest is not"


class FetchingCloud(LocalCloud):
    """Local Azure, whose machines start without Kubernetes, as those of the azure cloud do."""

    image: Path
    url: str
    digest: str

    def node_profile(self, build: Build, location: str, group: str, deadline: datetime) -> NodeProfile:
        disk = {"osType": "Linux", "osState": "Generalized", "blobUri": self.image.as_uri()}
        image = {"location": location, "properties": {"storageProfile": {"osDisk": disk}}}
        made = self.compute.images.begin_create_or_update(group, "debian", image).result()
        return dataclasses.replace(
            super().node_profile(build, location, group, deadline),
            image_reference={"id": made.id},
            prebuilt=False,
            bundle_url=self.url,
            bundle_sha256=self.digest,
            registry_mirror="",  # every container image must come out of the bundle
        )


class Watching(Printed):
    """Cuts the bring-up off as soon as the console says what was waited for: the cluster will never come up."""

    def __init__(self, cloud: LocalCloud, group: str, machine: str, text: str) -> None:
        super().__init__()
        self._asked = (cloud, group, machine, text)

    def progress(self, text: str) -> None:
        super().progress(text)
        cloud, group, machine, wanted = self._asked
        if "waiting:" in text and wanted in cloud.console(group, machine):
            raise AbortedError("bring the cluster up", last_seen=wanted)


@dataclasses.dataclass(frozen=True)
class Site:
    """What the tests of this file share."""

    cloud: FetchingCloud
    deployer: KubeadmDeployer
    build: Build
    azurite: Path
    cache: Path
    scratch: Path
    state: Path

    @contextmanager
    def group(self, name: str) -> Iterator[tuple[ClusterRequest, Blobs]]:
        """A resource group with the cluster's network and, as on Azure before any cluster, a Blob endpoint; gone afterwards."""
        tags = {TAG_RUN: name, TAG_CREATED: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        request = ClusterRequest(name, "cell", name, LOCATION, tags, self.build, 1, 0, self.scratch / name, soon(600))
        self.cloud.create_group(name, LOCATION, tags)
        try:
            with ExitStack() as stack:
                store = Path(stack.enter_context(TemporaryDirectory(dir=self.scratch)))
                yield request, stack.enter_context(serving(self.azurite, self._network(name), store))
        finally:
            begun = time.monotonic()
            self.deployer.down(name, soon(60))
            print(f"down, verified, in {time.monotonic() - begun:.1f} s")

    def _network(self, group: str) -> str:
        """Make the network that the template will complete; the name of its namespace."""
        subnets = [{"name": "nodes", "properties": {"addressPrefix": str(SUBNET)}}]
        space = {"addressSpace": {"addressPrefixes": [str(NETWORK)]}, "subnets": subnets}
        body = {"location": LOCATION, "properties": space}
        wanted = names(group, 1, 0).network
        made = self.cloud.network.virtual_networks.begin_create_or_update(group, wanted, body).result()
        return FabricNames(self.state / "localazure").network(fabric_key(str(made.id)))

    def run(self, group: str, script: str) -> str:
        """Output of a script in the group's only machine."""
        command = {"commandId": "RunShellScript", "script": [script]}
        machine = names(group, 1, 0).control_plane.name
        [status] = self.cloud.compute.virtual_machines.begin_run_command(group, machine, command).result().value
        return str(status.message).partition("[stdout]\n")[2].partition("\n[stderr]")[0].strip()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    cache = Path(os.environ.get("HARNESS_CACHE", "~/.cache/kubernetes-azure-harness")).expanduser()
    program = azurite(cache)
    scratch = tmp_path_factory.mktemp("fetching")
    settings = Settings().changed(cache=cache, state=scratch / "state", hold="0s")
    build = open_builder(cache).build(os.environ.get("HARNESS_TEST_SOURCE", SOURCE), print)
    cloud = FetchingCloud(settings)
    cloud.image = plain_debian(scratch / "image", cache)
    with cloud:
        yield Site(cloud, KubeadmDeployer(settings, cloud), build, program, cache, scratch, settings.state)


def plain_debian(folder: Path, cache: Path) -> Path:
    """A managed image of the Debian packages alone: no Kubernetes, no unit of it, an empty containerd store."""
    base = debian.tree(Cache(cache), system.TREE, print)
    layer = folder / "layer"
    system.write_layer(layer)
    units = layer / "usr/lib/systemd/system"
    (units / "containerd.service").unlink()
    (units / "kubelet.service").unlink()
    (units / "kubelet.service.d/10-kubeadm.conf").unlink()
    (layer / "etc/apt").mkdir()
    (layer / "etc/apt/sources.list").touch()
    image: dict[str, Any] = {"layers": [str(layer), str(base)], "seeds": {}, "copied": [], "volumes": list(VOLUMES)}
    (folder / "image.json").write_text(json.dumps({**image, "registry": str(folder / "none")}))
    return folder


def test_a_node_fetches_its_build_and_becomes_a_cluster(site: Site) -> None:
    begun = time.monotonic()
    bundle = open_builder(site.cache).bundle(site.build, print)
    print(f"bundle of {bundle.stat().st_size / 2**20:.0f} MiB after {time.monotonic() - begun:.1f} s")
    with site.group("harness-test-fetching") as (request, blobs):
        begun = time.monotonic()
        site.cloud.digest = bundles.sha256(bundle)
        site.cloud.url = blobs.publish(bundle, site.cloud.digest)
        print(f"uploaded after {time.monotonic() - begun:.1f} s")
        cluster = site.deployer.up(request, Printed())
        console = site.cloud.console(request.group, cluster.nodes[0].name)
        assert "bundle unpacked" in console
        assert "images imported" in console
        with closing(open_client(cluster.kubeconfig)) as api:
            [node] = items(client.CoreV1Api(api).list_node)
        assert node["status"]["nodeInfo"]["kubeletVersion"] == site.build.version
        assert site.run(request.group, "cloud-init status --wait").endswith("status: done"), "packages included"
        signature = site.cloud.url.rpartition("sig=")[2]
        assert signature not in console
        assert site.run(request.group, f"journalctl --no-pager | grep -cF -- '{signature}'") == "0"


def test_a_bundle_with_a_wrong_digest_is_refused(site: Site, tmp_path: Path) -> None:
    tampered = tmp_path / "bundle.tar.gz"
    tampered.write_bytes(b"not what was built")
    with site.group("harness-test-refusing") as (request, blobs):
        site.cloud.digest = "0" * 64
        site.cloud.url = blobs.publish(tampered, site.cloud.digest)
        machine = names(request.group, 1, 0).control_plane.name
        with pytest.raises(AbortedError):
            site.deployer.up(request, Watching(site.cloud, request.group, machine, REFUSED))
        assert f"{REFUSED} {site.cloud.digest}" in site.cloud.console(request.group, machine)
        assert site.run(request.group, "systemctl is-failed kubernetes-node") == "failed"
        assert site.run(request.group, "ls /usr/bin/kubelet 2>/dev/null; ls -A /opt/kubernetes/bin 2>/dev/null") == ""
