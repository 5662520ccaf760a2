"""Security rules and addresses, computed without anything running."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.localazure.arm.ids import fabric_key, parse_id
from harness.localazure.arm.store import Resource
from harness.localazure.fabric.api import WIRE, SecurityRulePlan
from harness.localazure.providers.plan.security import effective_rules

INSIDE = (IPv4Network("10.0.0.0/16"), IPv4Network("10.244.0.0/24"))
SOURCES = ("*", "Internet", "VirtualNetwork", "AzureLoadBalancer", "Storage", "10.0.1.0/24", "192.0.2.0/24")
PACKETS = [
    (IPv4Address(source), protocol, port)
    for source in ("10.0.1.7", "10.0.2.7", "10.244.0.9", "192.0.2.1", "8.8.8.8", str(WIRE))
    for protocol in ("tcp", "udp")
    for port in (22, 80, 443, 30000)
]
DESTINATION = IPv4Address("10.0.1.4")

rules = st.lists(
    st.tuples(
        st.sampled_from(SOURCES),
        st.sampled_from(("Tcp", "Udp", "*")),
        st.sampled_from(("22", "80-443", "*")),
        st.booleans(),
    ),
    max_size=5,
)


def group(entries: list[tuple[str, str, str, bool]]) -> Resource:
    items = [
        {
            "name": f"r{number}",
            "properties": {
                "direction": "Inbound",
                "priority": 100 + number,
                "access": "Allow" if allow else "Deny",
                "protocol": protocol,
                "sourceAddressPrefix": source,
                "destinationAddressPrefix": "*",
                "destinationPortRange": ports,
            },
        }
        for number, (source, protocol, ports, allow) in enumerate(entries)
    ]
    body: dict[str, Any] = {"properties": {"securityRules": list(reversed(items))}}
    return Resource(
        parse_id("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/n"), body
    )


def allows(plan: tuple[SecurityRulePlan, ...], source: IPv4Address, protocol: str, port: int) -> bool:
    for rule in plan:
        if (
            rule.protocol in ("*", protocol)
            and any(source in prefix for prefix in rule.sources)
            and any(DESTINATION in prefix for prefix in rule.destinations)
            and any(low <= port <= high for low, high in rule.ports)
        ):
            return rule.allow
    raise AssertionError("no rule decides")


def expected(entries: list[tuple[str, str, str, bool]], source: IPv4Address, protocol: str, port: int) -> bool:
    """The documented meaning, written down a second time."""
    inside = any(source in prefix for prefix in INSIDE)
    for tag, wanted, ports, allow in entries:
        matches = {
            "*": True,
            "Internet": not inside,
            "VirtualNetwork": inside or source == WIRE,
            "AzureLoadBalancer": source == WIRE,
            "Storage": False,
        }.get(tag)
        if matches is None:
            matches = source in IPv4Network(tag)
        fits = {"22": port == 22, "80-443": 80 <= port <= 443, "*": True}[ports]
        if matches and fits and wanted.lower() in ("*", protocol):
            return allow
    return inside or source == WIRE


@given(rules)
def test_one_group(entries: list[tuple[str, str, str, bool]]) -> None:
    plan = effective_rules([group(entries)], INSIDE)
    for packet in PACKETS:
        assert allows(plan, *packet) == expected(entries, *packet), packet


@given(rules, rules)
def test_both_groups_must_allow(
    first: list[tuple[str, str, str, bool]], second: list[tuple[str, str, str, bool]]
) -> None:
    plan = effective_rules([group(first), group(second)], INSIDE)
    for packet in PACKETS:
        assert allows(plan, *packet) == (expected(first, *packet) and expected(second, *packet)), packet


def test_no_group_means_no_rules() -> None:
    assert effective_rules([], INSIDE) == ()


@given(st.text(min_size=1))
def test_keys_are_what_the_fabric_takes(text: str) -> None:
    key = fabric_key(text)
    assert len(key) == 10
    assert key.isascii()
    assert key.isalnum()
    assert key == key.lower() == fabric_key(text)
