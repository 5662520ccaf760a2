"""Which machine a packet in a virtual network comes from: for metadata and for the registry."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from harness.localazure.arm.store import Resource, Store
from harness.localazure.providers.plan.links import (
    Configuration,
    Links,
    child,
    configurations,
    link,
    network_of,
    nic_keys,
    subnet_prefix,
)
from harness.localazure.providers.plan.networks import mac_address, routes_of


@dataclass(frozen=True)
class CallerNic:
    """A NIC as its machine's metadata shows it."""

    mac: str
    subnet: IPv4Network
    addresses: tuple[tuple[IPv4Address, IPv4Address | None], ...]
    """Private address, and the public one of its own if it has one."""


@dataclass(frozen=True)
class Caller:
    """A machine that asks."""

    machine: Resource
    address: IPv4Address
    """Primary private address."""
    nics: tuple[CallerNic, ...]
    balancer_addresses: tuple[IPv4Address, ...]
    """Public frontends of the load balancers whose pools it is in."""


def caller_at(store: Store, network: str, source: IPv4Address) -> Caller | None:
    """The machine behind an address in the network with this id: a NIC's, or one in a prefix that is routed to a NIC."""
    links = Links(store)
    at = {c.address: c for c in links.configurations if network_of(c.subnet) == network.lower()}
    found = at.get(source)
    resource = store.get(network)
    if found is None and resource is not None:
        fitting = [route for route in routes_of(links, resource) if source in route.prefix and route.next_hop]
        for route in sorted(fitting, key=lambda route: -route.prefix.prefixlen):
            found = found or at.get(route.next_hop or source)
    if found is None or found.nic.id.key not in links.machine_of_nic:
        return None
    machine, _ = links.machine_of_nic[found.nic.id.key]
    nics = [nic for key in nic_keys(machine) if (nic := store.get(key))]
    own = [c for nic in nics for c in configurations(nic)]
    return Caller(
        machine=machine,
        address=own[0].address,
        nics=tuple(_nic(links, nic) for nic in nics),
        balancer_addresses=tuple(sorted(_balancer_addresses(links, own))),
    )


def _nic(links: Links, nic: Resource) -> CallerNic:
    several = configurations(nic)
    found = child(links.store, several[0].subnet)
    return CallerNic(
        mac=mac_address(str(nic.id)),
        subnet=subnet_prefix(found[1]) if found else IPv4Network(several[0].address),
        addresses=tuple((c.address, links.public_address(link(c.item, "publicIPAddress"))) for c in several),
    )


def _balancer_addresses(links: Links, own: list[Configuration]) -> set[IPv4Address]:
    balancers = {
        pool.rpartition("/backendaddresspools/")[0] for c in own for pool in c.refers("loadBalancerBackendAddressPools")
    }
    return {
        address
        for balancer, frontend in links.frontends
        if balancer.id.key in balancers and (address := links.public_address(link(frontend, "publicIPAddress")))
    }
