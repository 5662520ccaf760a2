"""Effective inbound rules of a NIC: its subnet's security group and its own, Azure's default rules included.

Traffic needs the permission of both groups, the subnet's first. Two ordered rule lists become one by taking, for each rule of the
first that allows, its intersection with every rule of the second.

Source: https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, collapse_addresses
from typing import Any, Literal

from harness.localazure.arm.store import Resource
from harness.localazure.fabric.api import WIRE, SecurityRulePlan

Prefixes = tuple[IPv4Network, ...]
EVERYWHERE: Prefixes = (IPv4Network("0.0.0.0/0"),)
ANY_PORT = ((0, 65535),)
_PROTOCOLS: dict[str, Literal["tcp", "udp", "icmp", "*"]] = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "*": "*"}


def effective_rules(groups: Sequence[Resource], inside: Prefixes) -> tuple[SecurityRulePlan, ...]:
    """The rules of these groups, all of which must allow.

    :param groups: none for no protection, else the subnet's group, the NIC's group.
    :param inside: what the service tag ``VirtualNetwork`` stands for: the network's prefixes and those routed in it.
    """
    if not groups:
        return ()
    rules = _rules_of(groups[0], inside)
    for group in groups[1:]:
        rules = _both(rules, _rules_of(group, inside))
    return tuple(rules)


def _rules_of(group: Resource, inside: Prefixes) -> list[SecurityRulePlan]:
    own = [rule for rule in group.properties.get("securityRules", []) if rule["properties"]["direction"] == "Inbound"]
    rules = [_rule(rule, inside) for rule in sorted(own, key=lambda rule: rule["properties"]["priority"])]
    within = tuple(collapse_addresses([*inside, IPv4Network(WIRE)]))
    defaults = (
        SecurityRulePlan("AllowVnetInBound", True, "*", within, within, ANY_PORT),
        SecurityRulePlan("AllowAzureLoadBalancerInBound", True, "*", (IPv4Network(WIRE),), EVERYWHERE, ANY_PORT),
        SecurityRulePlan("DenyAllInBound", False, "*", EVERYWHERE, EVERYWHERE, ANY_PORT),
    )
    return [rule for rule in (*rules, *defaults) if rule.sources and rule.destinations and rule.ports]


def _rule(rule: dict[str, Any], inside: Prefixes) -> SecurityRulePlan:
    properties = rule["properties"]
    return SecurityRulePlan(
        name=rule["name"],
        allow=properties["access"] == "Allow",
        protocol=_PROTOCOLS.get(str(properties["protocol"]).lower(), "*"),
        sources=_prefixes(_several(properties, "sourceAddressPrefix"), inside),
        destinations=_prefixes(_several(properties, "destinationAddressPrefix"), inside),
        ports=tuple(port_range(text) for text in _several(properties, "destinationPortRange")),
    )


def _several(properties: dict[str, Any], name: str) -> list[str]:
    """A property that has a singular and a plural form."""
    plural = f"{name}es" if name.endswith("Prefix") else f"{name}s"
    many = list(properties.get(plural) or [])
    return [*many, properties[name]] if properties.get(name) else many


def port_range(text: str) -> tuple[int, int]:
    """``80`` -> (80, 80), ``8000-9000`` -> (8000, 9000), ``*`` -> all; raises ``ValueError``."""
    if text == "*":
        return 0, 65535
    first, _, last = str(text).partition("-")
    low, high = int(first), int(last or first)
    if not 0 <= low <= high <= 65535:
        raise ValueError(f"port range {text}")
    return low, high


def _prefixes(texts: Iterable[str], inside: Prefixes) -> Prefixes:
    found: list[IPv4Network] = []
    for text in texts:
        match text.lower():
            case "*" | "any":
                return EVERYWHERE
            case "internet":
                found += _outside(inside)
            case "virtualnetwork":
                found += [*inside, IPv4Network(WIRE)]
            case "azureloadbalancer":
                found.append(IPv4Network(WIRE))
            case _ if text[0].isdigit() and ":" not in text:
                found.append(IPv4Network(text, strict=False))
            case _:
                """Another service tag, or IPv6: nothing on this host has such an address."""
    return tuple(collapse_addresses(found))


def _outside(inside: Prefixes) -> list[IPv4Network]:
    left = list(EVERYWHERE)
    for hole in collapse_addresses(inside):
        left = [part for whole in left for part in _without(whole, hole)]
    return left


def _without(whole: IPv4Network, hole: IPv4Network) -> Iterable[IPv4Network]:
    if whole.subnet_of(hole):
        return ()
    return whole.address_exclude(hole) if hole.subnet_of(whole) else (whole,)


def _both(first: list[SecurityRulePlan], second: list[SecurityRulePlan]) -> list[SecurityRulePlan]:
    rules = []
    for one in first:
        rules += [one] if not one.allow else [rule for other in second if (rule := _intersection(one, other))]
    return rules


def _intersection(one: SecurityRulePlan, other: SecurityRulePlan) -> SecurityRulePlan | None:
    """What both rules match, decided as ``other`` says."""
    if "*" not in (one.protocol, other.protocol) and one.protocol != other.protocol:
        return None
    both = replace(
        other,
        name=f"{one.name}+{other.name}",
        protocol=one.protocol if other.protocol == "*" else other.protocol,
        sources=_common(one.sources, other.sources),
        destinations=_common(one.destinations, other.destinations),
        ports=tuple((max(a, c), min(b, d)) for a, b in one.ports for c, d in other.ports if max(a, c) <= min(b, d)),
    )
    return both if both.sources and both.destinations and both.ports else None


def _common(one: Prefixes, other: Prefixes) -> Prefixes:
    return tuple(collapse_addresses([a if a.subnet_of(b) else b for a in one for b in other if a.overlaps(b)]))
