"""Who refers to whom: the references of network resources, followed in both directions.

Everything is found by walking the store; nothing is remembered, so nothing can be stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from harness.localazure.arm.ids import parse_id
from harness.localazure.arm.store import Resource, Store
from harness.localazure.fabric.api import Condition

Item = dict[str, Any]
NETWORK = "Microsoft.Network"
VNET = f"{NETWORK}/virtualNetworks"
NIC = f"{NETWORK}/networkInterfaces"
LB = f"{NETWORK}/loadBalancers"
PIP = f"{NETWORK}/publicIPAddresses"
NSG = f"{NETWORK}/networkSecurityGroups"
TABLE = f"{NETWORK}/routeTables"
VM = "Microsoft.Compute/virtualMachines"


def link(item: Item, name: str) -> str:
    """The id that a property of an item refers to, as spelled; empty if none."""
    found = (item.get("properties") or {}).get(name) or {}
    return str(found.get("id", ""))


def child(store: Store, text: str) -> tuple[Resource, Item] | None:
    """The parent and the item for the id of something that lives inside a resource (a subnet, a pool, a frontend)."""
    resource_id = parse_id(text)
    parent = store.get(resource_id.parent) if resource_id.parent else None
    if parent is None:
        return None
    for place, items in parent.properties.items():
        if place.lower() == resource_id.types[-1].lower():
            for item in items:
                if item["name"].lower() == resource_id.name.lower():
                    return parent, item
    return None


def subnet_prefix(subnet: Item) -> IPv4Network:
    """A subnet's IPv4 prefix."""
    properties = subnet["properties"]
    return IPv4Network(properties.get("addressPrefix") or properties["addressPrefixes"][0])


@dataclass(frozen=True)
class Configuration:
    """One IP configuration of a NIC."""

    nic: Resource
    item: Item

    @property
    def id(self) -> str:
        return str(self.nic.id.child("ipConfigurations", self.item["name"]))

    @property
    def subnet(self) -> str:
        """Id of its subnet, lower case."""
        return link(self.item, "subnet").lower()

    @property
    def address(self) -> IPv4Address:
        return IPv4Address(self.item["properties"]["privateIPAddress"])

    def refers(self, name: str) -> list[str]:
        """Ids in a list of references (``loadBalancerBackendAddressPools``), lower case."""
        return [entry["id"].lower() for entry in self.item["properties"].get(name) or []]


def configurations(nic: Resource) -> list[Configuration]:
    """The IP configurations of a NIC, the primary one first."""
    items = nic.properties["ipConfigurations"]
    return [Configuration(nic, item) for item in sorted(items, key=lambda item: not item["properties"].get("primary"))]


def network_of(subnet: str) -> str:
    """Key of the virtual network of a subnet's id."""
    return subnet.lower().rpartition("/subnets/")[0]


class Links:
    """Indexes over one state of the store; make a new one after a change."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @cached_property
    def machine_of_nic(self) -> dict[str, tuple[Resource, int]]:
        """Key of a NIC -> its machine and the NIC's position there."""
        found = {}
        for machine in self.store.of_type(VM):
            for index, key in enumerate(nic_keys(machine)):
                found[key] = (machine, index)
        return found

    @cached_property
    def configurations(self) -> list[Configuration]:
        return [configuration for nic in self.store.of_type(NIC) for configuration in configurations(nic)]

    @cached_property
    def by_subnet(self) -> dict[str, list[Configuration]]:
        """Subnet id -> configurations in it."""
        return _index((configuration.subnet, configuration) for configuration in self.configurations)

    @cached_property
    def by_pool(self) -> dict[str, list[Configuration]]:
        """Backend pool id -> configurations in it."""
        return _index(
            (pool, configuration)
            for configuration in self.configurations
            for pool in configuration.refers("loadBalancerBackendAddressPools")
        )

    @cached_property
    def by_nat_rule(self) -> dict[str, list[Configuration]]:
        """Inbound NAT rule id -> the configuration it leads to."""
        return _index(
            (rule, configuration)
            for configuration in self.configurations
            for rule in configuration.refers("loadBalancerInboundNatRules")
        )

    @cached_property
    def frontends(self) -> list[tuple[Resource, Item]]:
        """Every frontend of every load balancer."""
        return [
            (balancer, frontend)
            for balancer in self.store.of_type(LB)
            for frontend in balancer.properties.get("frontendIPConfigurations", [])
        ]

    @cached_property
    def user_of_public(self) -> dict[str, str]:
        """Public address id -> id of the IP configuration that uses it."""
        users = {link(c.item, "publicIPAddress").lower(): c.id for c in self.configurations}
        for balancer, frontend in self.frontends:
            used = link(frontend, "publicIPAddress").lower()
            users[used] = str(balancer.id.child("frontendIPConfigurations", frontend["name"]))
        users.pop("", None)
        return users

    def subnets_with(self, name: str, key: str) -> list[str]:
        """Ids of subnets whose property (``routeTable``, ``networkSecurityGroup``) refers to this."""
        return [
            str(network.id.child("subnets", subnet["name"]))
            for network in self.store.of_type(VNET)
            for subnet in network.properties.get("subnets", [])
            if link(subnet, name).lower() == key
        ]

    def public_address(self, text: str) -> IPv4Address | None:
        """The address of a public address resource, once it has one."""
        found = self.store.get(text) if text else None
        address = found.properties.get("ipAddress") if found else None
        return IPv4Address(address) if address else None


def nic_keys(machine: Resource) -> list[str]:
    """Keys of a machine's NICs, the primary one first."""
    entries = (machine.properties.get("networkProfile") or {}).get("networkInterfaces") or []
    ordered = sorted(entries, key=lambda entry: not (entry.get("properties") or {}).get("primary"))
    return [entry["id"].lower() for entry in ordered]


def condition_of(machine: Resource) -> Condition:
    """What is wrong with a machine, as a fault or the owner made it."""
    return Condition(machine.internal.get("condition", Condition.WELL))


def _index(pairs: Iterator[tuple[str, Configuration]]) -> dict[str, list[Configuration]]:
    found: dict[str, list[Configuration]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
