"""agnhost on every node of a cluster, in the pod network and in the node's, with a Service in front: who reaches whom."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import urllib3
from kubernetes import client
from kubernetes.client import ApiClient, ApiException

from harness.clusters.api import Cluster
from suites._lib.images import agnhost
from suites._lib.inside import Inside, Peer
from suites._lib.shared import Shared
from suites._lib.workloads import Workloads, make_namespace

PODS = "mesh"
HOSTS = "mesh-host"
_STATIC = range(30000, 30086)
"""Node ports of the default range that the API server gives to nobody who does not ask for one (KEP-3668)."""
_TRIES = 8
_INVALID = 422
"""Answer to a node port that somebody has, or that is not in the cluster's range."""


@dataclass(frozen=True)
class Mesh:
    """agnhost on every node."""

    workloads: Workloads
    pods: list[Peer]
    """In the pod network, one a node, by node name."""
    hosts: list[Peer]
    """In the node's network, in the same order."""
    service: str
    """Cluster address of the Service ``mesh`` in front of ``pods``; HTTP on port 80, UDP on port 90."""
    node_port: int

    @property
    def inside(self) -> Inside:
        return self.workloads.inside


@dataclass
class Meshes:
    """The meshes that one worker holds, a cluster each."""

    dice: random.Random
    """Chooses ports on the nodes."""
    _held: dict[str, tuple[Shared, ApiClient, dict[str, Any]]] = field(default_factory=dict)

    def of(self, cluster: Cluster, kube: ApiClient) -> Mesh:
        """The cluster's mesh, made if nobody has it yet, with the addresses that its pods have now."""
        if cluster.cell not in self._held:
            shared = Shared(cluster.kubeconfig.with_name("mesh.json"))
            self._held[cluster.cell] = (shared, kube, shared.acquire(partial(self._make, cluster, kube)))
        thing = self._held[cluster.cell][2]
        made = Workloads(kube, thing["namespace"], agnhost(cluster.build))
        service = made.core.read_namespaced_service(PODS, made.namespace)
        nodes, port = len(cluster.nodes), thing["port"]
        return Mesh(
            made,
            made.ready(PODS, nodes),
            [Peer(each.name, each.node, each.address, port, port + 1) for each in made.ready(HOSTS, nodes)],
            service.spec.cluster_ip,
            service.spec.ports[0].node_port,
        )

    def release(self) -> None:
        """Let go of all of them; a cluster that is gone took its mesh along."""
        for shared, kube, _ in self._held.values():
            shared.release(partial(_remove, kube))
        self._held.clear()

    def _make(self, cluster: Cluster, kube: ApiClient) -> dict[str, Any]:
        """Ports are drawn, so that meshes of two runs on one cluster do not exclude each other from the nodes."""
        port = self.dice.randrange(18600, 19600, 2)
        made = Workloads(kube, make_namespace(kube, "pod-networking"), agnhost(cluster.build))
        self._front(made)
        of_nodes = {
            "hostNetwork": True,
            "dnsPolicy": "ClusterFirstWithHostNet",
            "http_port": port,
            "udp_port": port + 1,
        }
        made.daemonsets({PODS: {}, HOSTS: of_nodes})
        return {"namespace": made.namespace, "port": port}

    def _front(self, made: Workloads) -> None:
        """The Service, on node ports that are not drawn from those that specs just gave back and expect to be silent for a while."""
        ports = [
            {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"},
            {"name": "udp", "port": 90, "targetPort": 8081, "protocol": "UDP"},
        ]
        for node_port in self.dice.sample(_STATIC, _TRIES):
            try:
                made.service(PODS, PODS, [{**port, "nodePort": node_port} for port in ports], type="NodePort")
            except ApiException as error:
                if error.status != _INVALID:
                    raise
            else:
                return
        made.service(PODS, PODS, ports, type="NodePort")


def _remove(kube: ApiClient, thing: dict[str, Any]) -> None:
    with contextlib.suppress(ApiException, urllib3.exceptions.HTTPError):
        client.CoreV1Api(kube).delete_namespace(thing["namespace"])
