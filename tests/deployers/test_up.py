"""One control plane and two workers of a real Kubernetes on local Azure, up, asked, and gone again.

Run it with ``pytest -m e2e -s tests/deployers/test_up.py`` to see the seconds of every step. ``HARNESS_TEST_SOURCE`` chooses
another Kubernetes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from harness.builds import open_builder
from harness.clouds.api import TAG_CREATED, TAG_RUN
from harness.clouds.local import LocalCloud
from harness.clusters.api import Cluster
from harness.clusters.kube import items, open_client
from harness.deployers.api import ClusterRequest
from harness.deployers.kubeadm.deployer import KubeadmDeployer
from harness.settings import Settings

SOURCE = "module:v1.37.2"


class Printed:
    """Recorder that prints."""

    def __init__(self) -> None:
        self.created: list[str] = []

    def creating(self, kind: str, name: str, **facts: Any) -> None:
        self.created.append(f"{kind}/{name}")

    def progress(self, text: str) -> None:
        print(text, flush=True)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        print(f"--- {name}", flush=True)
        yield


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.root
@pytest.mark.e2e
def test_cluster_comes_up_and_goes(tmp_path: Path) -> None:
    settings = Settings().changed(
        cache=Path(os.environ.get("HARNESS_CACHE", "~/.cache/kubernetes-azure-harness")).expanduser(),
        state=tmp_path / "state",
    )
    build = open_builder(settings.cache).build(os.environ.get("HARNESS_TEST_SOURCE", SOURCE), print)
    with LocalCloud(settings) as cloud:
        cloud.stage(build, print)
        deployer = KubeadmDeployer(settings, cloud)
        request = ClusterRequest(
            run="test-up",
            cell="cell",
            group="harness-test-up-1",
            location="westeurope",
            tags={TAG_RUN: "test-up", TAG_CREATED: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"},
            build=build,
            control_planes=1,
            workers=2,
            folder=tmp_path / "cell",
            deadline=soon(300),
        )
        deployer.validate(request)
        recorder = Printed()
        try:
            cluster = deployer.up(request, recorder)
            assert recorder.created == ["resourceGroup/harness-test-up-1"]
            print(json.dumps(json.loads((request.folder / "timings.json").read_text())))
            check(cluster, cloud)
            assert deployer.is_up(cluster)
        finally:
            begun = time.monotonic()
            deployer.collect(request, tmp_path / "logs", soon(60))
            print(f"collected in {time.monotonic() - begun:.1f} s")
            begun = time.monotonic()
            deployer.down(request.group, soon(60))
            print(f"down, verified, in {time.monotonic() - begun:.1f} s")
        for node in cluster.nodes:
            console = (tmp_path / "logs" / node.name / "console.log").read_text()
            assert "kubernetes-node" in console
            assert (tmp_path / "logs" / node.name / "kubelet.log").stat().st_size > 1000
        assert not (tmp_path / "logs" / "problems.txt").exists()
        assert cloud.groups({TAG_RUN: "test-up"}) == []


def check(cluster: Cluster, cloud: LocalCloud) -> None:
    """Routes equal the nodes' pod networks, and addresses are those of the machines."""
    with closing(open_client(cluster.kubeconfig)) as api:
        nodes = items(client.CoreV1Api(api).list_node)
    assert {node["metadata"]["name"] for node in nodes} == {node.name for node in cluster.nodes}
    wanted = {node["spec"]["podCIDR"] for node in nodes}
    routes = cloud.network.route_tables.get(cluster.group, cluster.route_table).routes or []
    assert {route.address_prefix for route in routes} == wanted
    versions = {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}
    assert versions == {cluster.version}
    for node in nodes:
        assert node["spec"]["providerID"].startswith("azure:///subscriptions/")
    assert oct(cluster.kubeconfig.stat().st_mode & 0o777) == "0o600"
