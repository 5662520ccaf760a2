"""What Azure says of a cluster: its resource group through the same SDK clients on both clouds.

Load balancer names are the cloud provider's: ``kubernetes`` for public Services, ``kubernetes-internal`` for internal ones
(sigs.k8s.io/cloud-provider-azure ``pkg/provider/azure_loadbalancer.go``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from harness.clouds.api import Cloud
from harness.clusters.api import Cluster

if TYPE_CHECKING:
    from azure.mgmt.compute.models import VirtualMachine
    from azure.mgmt.network.models import LoadBalancer, RouteTable, SecurityRule

PUBLIC = "kubernetes"
INTERNAL = "kubernetes-internal"


@dataclass(frozen=True)
class AzureView:
    """One cluster's resource group; every call asks ARM anew and raises the SDK's errors."""

    cloud: Cloud
    """Its clients (``network``, ``compute``, ``resources``) are the official ones."""
    cluster: Cluster

    @property
    def group(self) -> str:
        return self.cluster.group

    def load_balancer(self, name: str = PUBLIC) -> LoadBalancer | None:
        """The load balancer of public Services (or ``INTERNAL``); None while there is none."""
        try:
            found: LoadBalancer = self.cloud.network.load_balancers.get(self.group, name)
        except ResourceNotFoundError:
            return None
        return found

    def public_addresses(self) -> Sequence[str]:
        """Every public address of the group that is allocated."""
        found: list[Any] = list(self.cloud.network.public_ip_addresses.list(self.group))
        return [address.ip_address for address in found if address.ip_address]

    def route_table(self) -> RouteTable:
        """The table that the cloud provider keeps pod routes in."""
        return self.cloud.network.route_tables.get(self.group, self.cluster.route_table)

    def security_rules(self) -> Sequence[SecurityRule]:
        """The rules of the nodes' security group, those the cloud provider added included."""
        found = self.cloud.network.network_security_groups.get(self.group, self.cluster.security_group)
        return list(found.security_rules or [])

    def machine(self, node: str) -> VirtualMachine:
        """The virtual machine of a node."""
        return self.cloud.compute.virtual_machines.get(self.group, node)
