"""Names and addresses of a cluster, all known before anything is created.

A cluster owns its resource group and its virtual network, so addresses are the same in every cluster and names only need to
tell clusters apart for a person who reads them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from harness.clusters.api import Node

NETWORK = IPv4Network("10.0.0.0/16")
SUBNET = IPv4Network("10.0.0.0/24")
PODS = IPv4Network("10.244.0.0/16")
SERVICES = IPv4Network("10.96.0.0/16")
DNS = SERVICES[10]
API_PORT = 6443

_FIRST = 4
"""Azure keeps the first four addresses of a subnet to itself."""
MOST_NODES = SUBNET.num_addresses - _FIRST - 1


@dataclass(frozen=True)
class Names:
    """What everything of one cluster is called."""

    prefix: str
    nodes: tuple[Node, ...]

    @property
    def control_plane(self) -> Node:
        """The machine that runs ``kubeadm init``."""
        return self.nodes[0]

    @property
    def network(self) -> str:
        return f"{self.prefix}-vnet"

    @property
    def subnet(self) -> str:
        return "nodes"

    @property
    def security_group(self) -> str:
        return f"{self.prefix}-nsg"

    @property
    def route_table(self) -> str:
        return f"{self.prefix}-routes"

    @property
    def availability_set(self) -> str:
        return f"{self.prefix}-nodes"


def names(group: str, control_planes: int, workers: int) -> Names:
    """Names for a cluster in this resource group."""
    prefix = "k" + hashlib.sha256(group.encode()).hexdigest()[:5]
    wanted = [("cp", "control-plane", index) for index in range(control_planes)]
    wanted += [("w", "worker", index) for index in range(workers)]
    return Names(
        prefix,
        tuple(
            Node(f"{prefix}-{short}-{index}", str(_address(place)), role)
            for place, (short, role, index) in enumerate(wanted)
        ),
    )


def _address(place: int) -> IPv4Address:
    return SUBNET[_FIRST + place]
