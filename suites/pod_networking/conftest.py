"""One set of agnhost pods serves the whole module: a pod on every node, twice, once in the pod network and once in the node's."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes.client import ApiClient

from harness.clusters.api import Cluster
from suites._lib.fixtures import workloads
from suites._lib.images import agnhost
from suites._lib.inside import Inside, Peer, failures
from suites._lib.workloads import Workloads, temporary_namespace

__all__ = ["draw", "mesh", "workloads"]


@dataclass(frozen=True)
class Mesh:
    """agnhost on every node."""

    workloads: Workloads
    pods: list[Peer]
    """In the pod network, one a node, by node name."""
    hosts: list[Peer]
    """In the node's network, in the same order."""
    service: str
    """Cluster address of a Service in front of ``pods``; HTTP on port 80, UDP on port 90."""
    service_name: str
    node_port: int

    @property
    def inside(self) -> Inside:
        return self.workloads.inside


@pytest.fixture(scope="module")
def mesh(cluster: Cluster, kube: ApiClient) -> Iterator[Mesh]:
    """The pods, ready, and a Service in front of those of the pod network."""
    port = random.randrange(18600, 19600, 2)
    with temporary_namespace(kube, "pod-networking") as namespace:
        made = Workloads(kube, namespace, agnhost(cluster.build))
        ports = [
            {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"},
            {"name": "udp", "port": 90, "targetPort": 8081, "protocol": "UDP"},
        ]
        service = made.service("mesh", "mesh", ports, type="NodePort")
        hosts_spec: dict[str, Any] = {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
        pods, hosts = made.daemonsets(
            {"mesh": {}, "mesh-host": {"http_port": port, "udp_port": port + 1, **hosts_spec}}
        )
        yield Mesh(made, pods, hosts, service.spec.cluster_ip, "mesh", service.spec.ports[0].node_port)


@pytest.fixture
def draw(record_property: Callable[[str, object], None]) -> Callable[[dict[str, Any]], None]:
    """Put a matrix into the report, then fail if a cell of it did not work."""

    def check(found: dict[str, Any]) -> None:
        record_property("matrix", json.dumps(found))
        wrong = failures(found)
        assert not wrong, f"{len(wrong)} of {len(found['rows']) * len(found['columns'])} pairs failed:\n" + "\n".join(
            wrong
        )

    return check
