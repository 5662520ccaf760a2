"""Load balancers, resolved for one virtual network: which address and port leads to which members.

A public load balancer belongs to the network its members are in, an internal one to the network of its frontend's subnet.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Literal

from harness.localazure.arm.ids import fabric_key
from harness.localazure.arm.store import Resource
from harness.localazure.fabric.api import ProbePlan, RulePlan
from harness.localazure.providers.plan.links import LB, Item, Links, link, network_of

_PROTOCOLS: dict[str, Literal["tcp", "udp", "all"]] = {"tcp": "tcp", "udp": "udp", "all": "all"}
_AFFINITIES: dict[str, Literal["Default", "SourceIP", "SourceIPProtocol"]] = {
    "default": "Default",
    "sourceip": "SourceIP",
    "sourceipprotocol": "SourceIPProtocol",
}


@dataclass(frozen=True)
class Balancing:
    """What load balancers want of one network."""

    rules: tuple[RulePlan, ...]
    public: tuple[IPv4Address, ...]
    internal: tuple[IPv4Address, ...]


def balancing(links: Links, network: str) -> Balancing:
    """Everything of every load balancer that concerns the network with this key."""
    rules: list[RulePlan] = []
    public: set[IPv4Address] = set()
    internal: set[IPv4Address] = set()
    for balancer in links.store.of_type(LB):
        pools = {
            pool["name"].lower(): _members(links, balancer, pool, network)
            for pool in balancer.properties.get("backendAddressPools", [])
        }
        frontends = {}
        reaches = any(pools.values()) or _nat_members(links, balancer, network)
        for frontend in balancer.properties.get("frontendIPConfigurations", []):
            subnet = link(frontend, "subnet")
            if subnet and network_of(subnet) == network:
                frontends[frontend["name"].lower()] = address = IPv4Address(frontend["properties"]["privateIPAddress"])
                internal.add(address)
            elif not subnet and reaches and (found := links.public_address(link(frontend, "publicIPAddress"))):
                frontends[frontend["name"].lower()] = found
                public.add(found)
        rules += _rules(balancer, frontends, pools)
        rules += _nat_rules(links, balancer, frontends, network)
    return Balancing(tuple(rules), tuple(sorted(public)), tuple(sorted(internal)))


def _members(links: Links, balancer: Resource, pool: Item, network: str) -> tuple[IPv4Address, ...]:
    key = str(balancer.id.child("backendAddressPools", pool["name"])).lower()
    found = {
        configuration.address
        for configuration in links.by_pool.get(key, [])
        if network_of(configuration.subnet) == network and configuration.nic.id.key in links.machine_of_nic
    }
    for entry in (pool.get("properties") or {}).get("loadBalancerBackendAddresses") or []:
        properties: dict[str, Any] = entry.get("properties") or {}
        at = link(entry, "virtualNetwork") or link(pool, "virtualNetwork") or network_of(link(entry, "subnet"))
        if properties.get("ipAddress") and at.lower() == network:
            found.add(IPv4Address(properties["ipAddress"]))
    return tuple(sorted(found))


def _rules(
    balancer: Resource, frontends: dict[str, IPv4Address], pools: dict[str, tuple[IPv4Address, ...]]
) -> list[RulePlan]:
    probes = {probe["name"].lower(): _probe(probe) for probe in balancer.properties.get("probes", [])}
    rules = []
    for rule in balancer.properties.get("loadBalancingRules", []):
        properties = rule["properties"]
        frontend = frontends.get(_last(link(rule, "frontendIPConfiguration")))
        if frontend is None:
            continue
        named = [link(rule, "backendAddressPool")]
        named += [pool["id"] for pool in properties.get("backendAddressPools") or []]
        members = {address for pool in named for address in pools.get(_last(pool), ())}
        protocol = _PROTOCOLS[properties["protocol"].lower()]
        rules.append(
            RulePlan(
                key=fabric_key(str(balancer.id.child("loadBalancingRules", rule["name"]))),
                frontend=frontend,
                protocol=protocol,
                frontend_port=0 if protocol == "all" else properties["frontendPort"],
                backend_port=0 if protocol == "all" else properties.get("backendPort") or properties["frontendPort"],
                floating=bool(properties.get("enableFloatingIP")),
                affinity=_AFFINITIES[str(properties.get("loadDistribution", "Default")).lower()],
                members=tuple(sorted(members)),
                probe=probes.get(_last(link(rule, "probe"))),
            )
        )
    return rules


def _nat_members(links: Links, balancer: Resource, network: str) -> bool:
    below = balancer.id.key + "/inboundnatrules/"
    return any(
        rule.startswith(below) and network_of(found.subnet) == network
        for rule, several in links.by_nat_rule.items()
        for found in several
    )


def _nat_rules(links: Links, balancer: Resource, frontends: dict[str, IPv4Address], network: str) -> list[RulePlan]:
    """Inbound NAT rules: rules with one member and no probe."""
    rules = []
    for rule in balancer.properties.get("inboundNatRules", []):
        rule_id = str(balancer.id.child("inboundNatRules", rule["name"]))
        frontend = frontends.get(_last(link(rule, "frontendIPConfiguration")))
        members = [c.address for c in links.by_nat_rule.get(rule_id.lower(), []) if network_of(c.subnet) == network]
        if frontend and members:
            properties = rule["properties"]
            rules.append(
                RulePlan(
                    key=fabric_key(rule_id),
                    frontend=frontend,
                    protocol=_PROTOCOLS[properties["protocol"].lower()],
                    frontend_port=properties["frontendPort"],
                    backend_port=properties["backendPort"],
                    floating=bool(properties.get("enableFloatingIP")),
                    affinity="Default",
                    members=tuple(members),
                    probe=None,
                )
            )
    return rules


def _probe(probe: Item) -> ProbePlan:
    properties = probe["properties"]
    http = properties["protocol"].lower() == "http"
    return ProbePlan(
        protocol="http" if http else "tcp",
        port=properties["port"],
        path=properties.get("requestPath") or "/" if http else "",
        interval=float(properties.get("intervalInSeconds") or 15),
        threshold=int(properties.get("probeThreshold") or properties.get("numberOfProbes") or 1),
    )


def _last(text: str) -> str:
    return text.rpartition("/")[2].lower()
