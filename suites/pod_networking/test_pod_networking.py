"""Pods and nodes reach each other, on every pair of nodes, without address translation, by address, Service and name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from kubernetes import client

from harness.clusters.api import Cluster
from harness.plugin.azure import AzureView
from suites._lib.inside import Peer, matrix, together
from suites._lib.mesh import PODS, Mesh
from suites._lib.waiting import NotYet, wait_for
from suites._lib.workloads import Workloads

Draw = Callable[[dict[str, Any]], None]

PAYLOAD = 10 * 1024 * 1024
"""Bytes; many times every buffer and window on the way."""


def _pairs(mesh: Mesh, sources: list[Peer], targets: list[Peer], protocol: str = "http") -> dict[str, Any]:
    """Let every source ask every target for its host name; a cell is empty when the right one answered."""

    def probe(row: int, column: int) -> str:
        source, target = sources[row], targets[column]
        port = target.http_port if protocol == "http" else target.udp_port
        answers = mesh.inside.dial(source, target.address, port, protocol=protocol, tries=2)
        expected = target.node if target in mesh.hosts else target.name
        wrong = [answer for answer in answers.responses if answer != expected]
        return "; ".join([*answers.errors, *(f"answered by {each!r}" for each in wrong)])

    return matrix([each.node for each in sources], [each.node for each in targets], probe)


@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_pods_reach_pods(mesh: Mesh, draw: Draw, protocol: str) -> None:
    """From the pod on every node to the pod on every node, itself included."""
    draw(_pairs(mesh, mesh.pods, mesh.pods, protocol))


def test_nodes_reach_nodes(mesh: Mesh, draw: Draw) -> None:
    """From every node's own network to every node's own network."""
    draw(_pairs(mesh, mesh.hosts, mesh.hosts))


@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_nodes_reach_pods(mesh: Mesh, draw: Draw, protocol: str) -> None:
    """From every node's own network to the pod on every node."""
    draw(_pairs(mesh, mesh.hosts, mesh.pods, protocol))


def test_pods_reach_nodes(mesh: Mesh, draw: Draw) -> None:
    """From the pod on every node to every node's own network."""
    draw(_pairs(mesh, mesh.pods, mesh.hosts))


def test_pods_see_each_others_addresses(mesh: Mesh, draw: Draw) -> None:
    """Between pods nothing translates addresses: the server sees the client pod's own."""

    def probe(row: int, column: int) -> str:
        source, target = mesh.pods[row], mesh.pods[column]
        seen = mesh.inside.dial(source, target.address, target.http_port, "clientip").only().rpartition(":")[0]
        return "" if seen == source.address else f"saw {seen} instead of {source.address}"

    nodes = [each.node for each in mesh.pods]
    draw(matrix(nodes, nodes, probe))


@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_every_pod_and_node_reaches_the_service(mesh: Mesh, protocol: str) -> None:
    """The Service's cluster address answers everywhere, and every endpoint gets its share."""
    expected = {each.name for each in mesh.pods}

    def reach(source: Peer) -> str:
        seen: set[str] = set()

        def probe() -> None:
            port = 80 if protocol == "http" else 90
            answers = mesh.inside.dial(source, mesh.service, port, protocol=protocol, tries=3 * len(expected))
            seen.update(answers.responses)
            if answers.errors or seen != expected:
                raise NotYet(f"{'; '.join(answers.errors)} answers from {', '.join(sorted(seen)) or 'nobody'}".strip())

        wait_for(f"every endpoint of {mesh.service} to answer {source.name} on {source.node}", probe, 30)
        return source.node

    assert together([partial(reach, source) for source in [*mesh.pods, *mesh.hosts]])


def test_node_ports_answer_on_every_node(mesh: Mesh, draw: Draw) -> None:
    """The Service's node port is open on every node, seen from the pods of every node."""

    def probe(row: int, column: int) -> str:
        answers = mesh.inside.dial(mesh.pods[row], mesh.hosts[column].address, mesh.node_port, tries=2)
        return "; ".join(answers.errors) or ("" if answers.responses else "no response")

    nodes = [each.node for each in mesh.pods]
    draw(matrix(nodes, nodes, probe))


def test_names_resolve_on_every_node(mesh: Mesh, cluster: Cluster) -> None:
    """Cluster names resolve in pods and in host-network pods of every node, over UDP and TCP, short and full."""
    namespace = mesh.workloads.namespace
    full = f"{PODS}.{namespace}.svc.cluster.local"
    queries = {
        f"dig +short +time=2 +tries=2 {full}": mesh.service,
        f"dig +short +tcp +time=2 +tries=2 {full}": mesh.service,
        f"dig +short +search +time=2 +tries=2 {PODS}": mesh.service,
        "dig +short +time=2 +tries=2 kubernetes.default.svc.cluster.local": _api_server(mesh),
    }

    def resolve(peer: Peer) -> list[str]:
        return [
            f"{peer.node} ({peer.name}): {query}: {answer!r} instead of {expected}"
            for query, expected in queries.items()
            if (answer := mesh.inside.shell(peer, query).strip()) != expected
        ]

    wrong = [
        line for lines in together([partial(resolve, peer) for peer in [*mesh.pods, *mesh.hosts]]) for line in lines
    ]
    assert not wrong, "\n".join(wrong)


def test_large_payloads_arrive_whole(mesh: Mesh, draw: Draw) -> None:
    """10 MiB from the pod on every node to the pod on every node, compared by digest."""
    make = f"head -c {PAYLOAD} /dev/urandom > /tmp/payload && sha256sum < /tmp/payload"
    digests = together([partial(mesh.inside.shell, peer, make) for peer in mesh.pods])

    def probe(row: int, column: int) -> str:
        source, target = mesh.pods[row], mesh.pods[column]
        send = f"curl -sS --max-time 20 -F file=@/tmp/payload http://{target.address}:{target.http_port}/upload"
        answer = mesh.inside.shell(source, send)
        stored = answer.partition('"output":"')[2].partition('"')[0]
        if not stored:
            return f"the server answered {answer[:200]!r}"
        arrived = mesh.inside.shell(target, f"sha256sum < {stored}; rm -f {stored}")
        return "" if arrived == digests[row] else "what arrived has another digest"

    nodes = [each.node for each in mesh.pods]
    draw(matrix(nodes, nodes, probe))


def test_a_pod_reaches_itself_through_its_service(workloads: Workloads) -> None:
    """Hairpin: the only endpoint of a Service calls the Service."""
    (peer,) = workloads.deployment("hairpin")
    service = workloads.service("hairpin", "hairpin", [{"port": 80, "targetPort": 8080}])

    def answers() -> tuple[str, ...]:
        found = workloads.inside.dial(peer, service.spec.cluster_ip, 80, tries=5)
        if found.errors:
            raise NotYet("; ".join(found.errors))
        return found.responses

    assert wait_for("the pod to answer itself through its Service", answers, 30) == (peer.name,) * 5


def test_pods_have_addresses_of_their_nodes_range(mesh: Mesh) -> None:
    """A pod's address is in its node's podCIDR, and no two nodes share a range."""
    ranges = _pod_ranges(mesh)
    for peer in mesh.pods:
        assert ip_address(peer.address) in ip_network(ranges[peer.node]), f"{peer} is outside {ranges[peer.node]}"
    assert len(set(ranges.values())) == len(ranges)


def test_the_route_table_is_the_nodes_pod_ranges(mesh: Mesh, cluster: Cluster, azure: AzureView) -> None:
    """Azure routes each node's podCIDR to that node, and nothing else."""
    addresses = {node.name: node.address for node in cluster.nodes}
    expected = {cidr: addresses[node] for node, cidr in _pod_ranges(mesh).items()}

    def probe() -> None:
        table = azure.route_table()
        found = {route.address_prefix: route.next_hop_ip_address for route in table.routes or []}
        if found != expected:
            raise NotYet(f"the routes are {found}")

    wait_for(f"the routes of {cluster.route_table} to be {expected}", probe, 30)


def _pod_ranges(mesh: Mesh) -> dict[str, str]:
    """podCIDR by node name."""
    return {node.metadata.name: node.spec.pod_cidr for node in mesh.workloads.core.list_node().items}


def _api_server(mesh: Mesh) -> str:
    """Cluster address of the API server's Service."""
    core: Any = client.CoreV1Api(mesh.workloads.kube)
    return str(core.read_namespaced_service("kubernetes", "default").spec.cluster_ip)
