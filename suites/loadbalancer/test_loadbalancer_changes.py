"""What changes in the cluster arrives in Azure's load balancer, and what is deleted leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clusters.api import Cluster
from harness.plugin.azure import AzureView
from suites._lib.arm import Footprint, footprint
from suites._lib.outside import http_get, refused
from suites._lib.waiting import NotYet, wait_for
from suites._lib.workloads import Workloads

HTTP = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}


def test_a_node_without_endpoints_stops_receiving(workloads: Workloads, cluster: Cluster) -> None:
    """Under ``Local`` the health probe takes a node out as soon as its last pod is gone; clients go on being served."""
    if len(cluster.workers) < 2:
        pytest.skip("needs two worker nodes")
    workloads.deployment("fleeting", 2)
    workloads.service("fleeting", "fleeting", [HTTP], type="LoadBalancer", externalTrafficPolicy="Local")
    address = workloads.ingress("fleeting")
    seen: set[str] = set()

    def both() -> None:
        seen.add(http_get(address, 80, "/hostname"))
        if len(seen) < 2:
            raise NotYet(f"answers only from {', '.join(seen)}")

    wait_for(f"answers from both nodes at {address}:80", both, 90, interval=0.1)
    (left,) = workloads.scale("fleeting", 1)

    def served() -> None:
        for turn in range(25):
            try:
                answer = http_get(address, 80, "/hostname", timeout=1)
            except OSError as error:
                raise NotYet(f"request {turn + 1} of 25 failed: {type(error).__name__}: {error}") from error
            if answer != left.name:
                raise NotYet(f"request {turn + 1} of 25 was answered by {answer}")

    wait_for(f"25 requests in a row answered by {left.name} on {left.node}", served, 60)


def test_ports_and_type_can_change(workloads: Workloads, cluster: Cluster, azure: AzureView) -> None:
    """A changed port moves the rule; a Service that is no load balancer any more gives its address back."""
    (peer,) = workloads.deployment("moving")
    service = workloads.service("moving", "moving", [HTTP], type="LoadBalancer")
    address = workloads.ingress("moving")
    wait_for(f"an answer at {address}:80", lambda: http_get(address, 80, "/hostname"), 90)

    workloads.change_service("moving", ports=[{**HTTP, "port": 8085}])
    assert wait_for(f"an answer at {address}:8085", lambda: http_get(address, 8085, "/hostname"), 60) == peer.name
    wait_for(f"{address}:80 to be closed", lambda: refused(address, 80), 60)
    rules = footprint(azure.cloud.network, cluster.group, service, address).rules
    assert [rule.rpartition("-")[2] for rule in rules] == ["8085"]

    workloads.change_service("moving", type="ClusterIP")
    _wait_until_gone(azure, cluster, service, address)
    wait_for(f"{address}:8085 to be closed", lambda: refused(address, 8085), 30)

    workloads.change_service("moving", type="LoadBalancer")
    again = workloads.ingress("moving")
    assert wait_for(f"an answer at {again}:8085", lambda: http_get(again, 8085, "/hostname"), 90) == peer.name


def test_deletion_leaves_nothing_in_azure(workloads: Workloads, cluster: Cluster, azure: AzureView) -> None:
    """Rule, probe, frontend, security rule and public address exist while the Service does, and not a moment longer."""
    workloads.deployment("brief")
    second = {**HTTP, "name": "http-alt", "port": 8000}
    service = workloads.service("brief", "brief", [HTTP, second], type="LoadBalancer")
    address = workloads.ingress("brief")
    wait_for(f"an answer at {address}:80", lambda: http_get(address, 80, "/hostname"), 90)

    there = footprint(azure.cloud.network, cluster.group, service, address)
    assert sorted(rule.rpartition("-")[2] for rule in there.rules) == ["80", "8000"]
    assert there.probes
    assert len(there.frontends) == 1
    assert len(there.addresses) == 1
    assert there.security_rules

    workloads.delete_service("brief")
    left = footprint(azure.cloud.network, cluster.group, service, address)
    assert not left, f"left behind after the Service was gone: {left}"
    wait_for(f"{address}:80 to be closed", lambda: refused(address, 80), 30)


def _wait_until_gone(azure: AzureView, cluster: Cluster, service: Any, address: str) -> Footprint:
    def probe() -> Footprint:
        left = footprint(azure.cloud.network, cluster.group, service, address)
        if left:
            raise NotYet(str(left))
        return left

    return wait_for(f"nothing in {cluster.group} to belong to {service.metadata.name}", probe, 60)
