"""Services of type LoadBalancer are reached by clients outside the cluster, through the address that Azure gives them."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address, ip_network

import pytest

from harness.clusters.api import Cluster
from harness.plugin.azure import AzureView
from suites._lib.outside import http_client_address, http_get, udp_ask
from suites._lib.waiting import NotYet, wait_for
from suites._lib.workloads import Workloads

HTTP = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}
UDP = {"name": "udp", "port": 90, "targetPort": 8081, "protocol": "UDP"}


def test_tcp_is_reached_from_outside(workloads: Workloads) -> None:
    """Both replicas answer, over the Service's public address."""
    peers = {peer.name for peer in workloads.deployment("web", 2)}
    workloads.service("web", "web", [HTTP], type="LoadBalancer")
    address = workloads.ingress("web")
    seen: set[str] = set()

    def probe() -> None:
        seen.add(http_get(address, 80, "/hostname"))
        if seen != peers:
            raise NotYet(f"answers only from {', '.join(sorted(seen))}")

    wait_for(f"answers from {', '.join(sorted(peers))} at {address}:80", probe, 90, interval=0.1)


def test_udp_is_reached_from_outside(workloads: Workloads) -> None:
    """A datagram to the Service's public address is answered."""
    (peer,) = workloads.deployment("echo")
    workloads.service("echo", "echo", [UDP], type="LoadBalancer")
    address = workloads.ingress("echo")
    assert wait_for(f"an answer from udp {address}:90", lambda: udp_ask(address, 90, "hostname"), 90) == peer.name
    # From another port, and so perhaps by way of another node, whose kube-proxy may learn of the address a moment later.
    echo = wait_for("an echo", lambda: udp_ask(address, 90, "echo through the balancer"), 30)
    assert echo == "through the balancer"


def test_two_ports_share_an_address(workloads: Workloads) -> None:
    """Every port of a Service is open on the one address, each with its own protocol's traffic."""
    (peer,) = workloads.deployment("both")
    second = {**HTTP, "name": "http-alt", "port": 8000}
    workloads.service("both", "both", [HTTP, second], type="LoadBalancer")
    address = workloads.ingress("both")
    for port in (80, 8000):
        answer = wait_for(f"an answer at {address}:{port}", partial(http_get, address, port, "/hostname"), 90)
        assert answer == peer.name


def test_client_address_is_kept_under_local(workloads: Workloads, cluster: Cluster) -> None:
    """``externalTrafficPolicy: Local`` hides the client behind no node: the pod sees who asked."""
    workloads.deployment("local")
    workloads.service("local", "local", [HTTP], type="LoadBalancer", externalTrafficPolicy="Local")
    address = workloads.ingress("local")
    wait_for(f"an answer at {address}:80", lambda: http_get(address, 80, "/hostname"), 90)
    own, seen = http_client_address(address, 80)
    inside = [node.address for node in cluster.nodes]
    assert seen not in inside, f"the pod saw the node {seen}, not the client {own}"
    assert ip_address(seen) not in ip_network(cluster.pod_cidr), f"the pod saw {seen} of the pod network, not {own}"
    if ip_address(own).is_global:
        assert seen == own


def test_pods_reach_the_public_address(workloads: Workloads) -> None:
    """A pod may use the Service's public address like anybody else, also when it serves there itself (hairpin)."""
    peers = workloads.deployment("hairpin", 2)
    workloads.service("hairpin", "hairpin", [HTTP], type="LoadBalancer")
    address = workloads.ingress("hairpin")
    names = {peer.name for peer in peers}
    for peer in peers:
        probe = lambda peer=peer: workloads.inside.dial(peer, address, 80).only()  # noqa: E731 - bound to this peer
        assert wait_for(f"an answer from {address}:80 in {peer.name}", probe, 90) in names


def test_internal_balancer_is_reached_from_inside(workloads: Workloads, cluster: Cluster, azure: AzureView) -> None:
    """With the annotation the address comes from the subnet, no public one is made, and pods and nodes reach it."""
    network = azure.cloud.network
    (server,) = workloads.deployment("inner")
    internal = {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}
    workloads.service("inner", "inner", [HTTP], type="LoadBalancer", annotations=internal)
    address = workloads.ingress("inner")
    subnet = network.subnets.get(cluster.group, cluster.network, cluster.subnet)
    prefixes = subnet.address_prefixes or [subnet.address_prefix]
    assert any(ip_address(address) in ip_network(prefix) for prefix in prefixes), f"{address} is not in {prefixes}"
    assert address not in {each.ip_address for each in network.public_ip_addresses.list(cluster.group)}

    in_pods = workloads.daemonset("pods")
    in_nodes = workloads.daemonset("nodes", http_port=18580, udp_port=18581, hostNetwork=True)
    for peer in [*in_pods, *in_nodes]:
        probe = lambda peer=peer: workloads.inside.dial(peer, address, 80).only()  # noqa: E731 - bound to this peer
        assert wait_for(f"an answer from {address}:80 in {peer.name} on {peer.node}", probe, 60) == server.name


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_session_affinity_keeps_a_client_on_one_pod(workloads: Workloads, policy: str) -> None:
    """``sessionAffinity: ClientIP`` sends one client to one pod; without it the same client sees all of them."""
    workloads.deployment("sticky", 2)
    workloads.service(
        "sticky", "sticky", [HTTP], type="LoadBalancer", externalTrafficPolicy=policy, sessionAffinity="ClientIP"
    )
    address = workloads.ingress("sticky")
    wait_for(f"an answer at {address}:80", lambda: http_get(address, 80, "/hostname"), 90)

    def same() -> str:
        seen = {http_get(address, 80, "/hostname") for _ in range(15)}
        if len(seen) != 1:
            raise NotYet(f"15 requests were answered by {', '.join(sorted(seen))}")
        return seen.pop()

    wait_for("15 requests in a row answered by one pod", same, 30)
    workloads.change_service("sticky", sessionAffinity="None")

    def different() -> None:
        seen = {http_get(address, 80, "/hostname") for _ in range(15)}
        if len(seen) < 2:
            raise NotYet(f"15 requests were all answered by {seen.pop()}")

    wait_for("requests answered by both pods once affinity is off", different, 60)
