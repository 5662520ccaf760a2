"""A cluster whose tests were killed becomes what it was when it was ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from harness.clouds.api import Cloud
from harness.clusters.api import Cluster
from harness.clusters.leftovers import compare
from harness.clusters.leftovers.api import OWN_LABELS, Baseline, Thing
from harness.clusters.leftovers.removal import nobodys, restore

from .api_server import ApiServer, thing

NOWHERE = cast(Cloud, None)
TAINT = {"key": "kubernetes.io/e2e-evict-taint-key", "effect": "NoExecute"}
ROLE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def node(name: str, **spec: Any) -> dict[str, Any]:
    return {**thing(name), "spec": spec}


@pytest.fixture
def baseline(api_server: ApiServer, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Baseline:
    monkeypatch.setattr(compare, "resources", lambda cloud, group: [])
    api_server.kind("", "v1", "Namespace", "namespaces", thing("default"))
    api_server.kind("", "v1", "Node", "nodes", node("cp-0", taints=[ROLE]), node("w-0"))
    api_server.kind("", "v1", "ConfigMap", "configmaps", thing("mine", "default"))
    api_server.objects["/api/v1/namespaces/default/configmaps"] = []
    api_server.kind("apiregistration.k8s.io", "v1", "APIService", "apiservices", thing("v1."))
    compare.take_baseline(NOWHERE, cluster, tmp_path / "baseline")
    return Baseline.load(tmp_path / "baseline")


def test_what_was_not_there_is_deleted_and_what_was_stays(
    cluster: Cluster, api_server: ApiServer, baseline: Baseline
) -> None:
    api_server.create("/api/v1/namespaces", thing("job-1"))
    api_server.create("/api/v1/configmaps", thing("in-it", "job-1"))
    api_server.create("/apis/apiregistration.k8s.io/v1/apiservices", thing("v1.wardle"))
    assert restore(NOWHERE, cluster, baseline, wait=lambda _: None) == ()
    assert api_server.deleted == [
        "/apis/apiregistration.k8s.io/v1/apiservices/v1.wardle",
        "/api/v1/namespaces/job-1",
    ]


def test_what_workers_keep_from_test_to_test_stays_while_they_live(
    cluster: Cluster, api_server: ApiServer, baseline: Baseline
) -> None:
    api_server.create("/api/v1/namespaces", thing("shared-1", labels=OWN_LABELS))
    api_server.create("/api/v1/namespaces", thing("sched-pred-1", labels={"e2e-framework": "sched-pred"}))
    assert restore(NOWHERE, cluster, baseline, wait=lambda _: None, whose=nobodys) == ()
    assert api_server.deleted == ["/api/v1/namespaces/sched-pred-1"]


def test_what_stays_is_told_and_asked_for_once(cluster: Cluster, api_server: ApiServer, baseline: Baseline) -> None:
    api_server.create("/api/v1/configmaps", thing("stuck", "default"))  # its own path is another one: it stays
    assert restore(NOWHERE, cluster, baseline, limit=0.1, wait=lambda _: None) == ("ConfigMap stuck",)
    assert api_server.deleted == ["/api/v1/namespaces/default/configmaps/stuck"]


def test_a_refused_deletion_is_asked_for_again(cluster: Cluster, api_server: ApiServer, baseline: Baseline) -> None:
    api_server.create("/api/v1/namespaces", thing("job-1"))
    api_server.broken["/api/v1/namespaces/job-1"] = 503

    def mend(_: float) -> None:
        api_server.broken.clear()

    assert restore(NOWHERE, cluster, baseline, wait=mend) == ()
    assert len(api_server.deleted) == 2


def test_cloud_resources_are_waited_for_and_not_deleted(
    cluster: Cluster, api_server: ApiServer, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = Thing("publicIPAddresses", "of-a-service", cloud=True)
    looks = iter([[address], [address], []])
    monkeypatch.setattr(compare, "resources", lambda cloud, group: next(looks))
    assert restore(NOWHERE, cluster, baseline, wait=lambda _: None) == ()
    assert next(looks, None) is None


def test_nodes_take_pods_again(cluster: Cluster, api_server: ApiServer, baseline: Baseline) -> None:
    nodes = api_server.objects["/api/v1/nodes"]
    nodes[0]["spec"]["taints"] = [ROLE, TAINT]
    nodes[1]["spec"] = {"unschedulable": True, "taints": [TAINT]}
    assert restore(NOWHERE, cluster, baseline, wait=lambda _: None) == ()
    assert [item["spec"] for item in nodes] == [{"taints": [ROLE]}, {}]
