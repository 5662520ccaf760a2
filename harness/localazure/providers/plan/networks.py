"""The plan of a virtual network: what the fabric shall make of everything that concerns it."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network

from harness.localazure.arm.ids import fabric_key
from harness.localazure.arm.store import Resource, Store
from harness.localazure.fabric.api import Condition, NetworkPlan, NicPlan, RoutePlan, SecurityRulePlan
from harness.localazure.providers.plan.balancing import balancing
from harness.localazure.providers.plan.links import VNET, Configuration, Item, Links, condition_of, link, subnet_prefix
from harness.localazure.providers.plan.security import effective_rules


def network_plans(store: Store) -> dict[str, NetworkPlan]:
    """The plan of every virtual network, by the key of its id."""
    links = Links(store)
    return {network.id.key: _plan(links, network) for network in store.of_type(VNET)}


def mac_address(nic: str) -> str:
    """A stable MAC address for a NIC's id, in a range that Azure uses: ``00-0D-3A-...`` as ARM spells it."""
    tail = hashlib.sha256(nic.lower().encode()).hexdigest()[:6].upper()
    return "-".join(("00", "0D", "3A", tail[:2], tail[2:4], tail[4:]))


def routes_of(links: Links, network: Resource) -> tuple[RoutePlan, ...]:
    """The user-defined routes of the tables that are associated with subnets of a network."""
    tables = {link(subnet, "routeTable").lower() for subnet in network.properties.get("subnets", [])} - {""}
    found: dict[IPv4Network, RoutePlan] = {}
    for key in sorted(tables):
        table = links.store.get(key)
        for route in table.properties.get("routes", []) if table else []:
            kind = route["properties"]["nextHopType"].lower()
            prefix = IPv4Network(route["properties"]["addressPrefix"], strict=False)
            if kind == "virtualappliance":
                found[prefix] = RoutePlan(prefix, IPv4Address(route["properties"]["nextHopIpAddress"]))
            elif kind == "none":
                found[prefix] = RoutePlan(prefix, None)
    return tuple(found[prefix] for prefix in sorted(found))


def _plan(links: Links, network: Resource) -> NetworkPlan:
    prefixes = tuple(IPv4Network(text) for text in network.properties["addressSpace"]["addressPrefixes"])
    routes = routes_of(links, network)
    inside = (*prefixes, *(route.prefix for route in routes if route.prefix.prefixlen))
    balanced = balancing(links, network.id.key)
    nics: list[NicPlan] = []
    known: dict[tuple[str, ...], tuple[SecurityRulePlan, ...]] = {}
    instance_public: list[tuple[IPv4Address, IPv4Address]] = []
    subnets = network.properties.get("subnets", [])
    for subnet in subnets:
        key = str(network.id.child("subnets", subnet["name"])).lower()
        for configuration in links.by_subnet.get(key, []):
            if configuration.nic.id.key not in links.machine_of_nic:
                continue
            if public := links.public_address(link(configuration.item, "publicIPAddress")):
                instance_public.append((public, configuration.address))
            if configuration.item["properties"].get("primary"):
                nics.append(_nic(links, configuration, subnet, inside, known))
    return NetworkPlan(
        key=fabric_key(str(network.id)),
        name=network.id.name,
        prefixes=prefixes,
        subnets=tuple(subnet_prefix(subnet) for subnet in subnets),
        routes=routes,
        nics=tuple(sorted(nics, key=lambda nic: nic.key)),
        rules=balanced.rules,
        public=balanced.public,
        internal=balanced.internal,
        instance_public=tuple(sorted(instance_public)),
    )


def _nic(
    links: Links,
    configuration: Configuration,
    subnet: Item,
    inside: tuple[IPv4Network, ...],
    known: dict[tuple[str, ...], tuple[SecurityRulePlan, ...]],
) -> NicPlan:
    """``known`` keeps the effective rules of each combination of security groups, which most NICs share."""
    nic = configuration.nic
    machine, index = links.machine_of_nic[nic.id.key]
    named = (link(subnet, "networkSecurityGroup"), link(nic.body, "networkSecurityGroup"))
    groups = [group for text in named if text and (group := links.store.get(text))]
    combination = tuple(group.id.key for group in groups)
    if combination not in known:
        known[combination] = effective_rules(groups, inside)
    return NicPlan(
        key=fabric_key(str(nic.id)),
        machine=fabric_key(str(machine.id)),
        index=index,
        mac=mac_address(str(nic.id)).replace("-", ":").lower(),
        address=configuration.address,
        subnet=subnet_prefix(subnet),
        ip_forwarding=bool(nic.properties.get("enableIPForwarding")),
        security=known[combination],
        lost=condition_of(machine) is Condition.ISOLATED,
    )
