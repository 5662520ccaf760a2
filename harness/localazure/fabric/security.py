"""Security rules of NICs, and what may cross a network at all, as chains of its nft table.

Inbound rules are enforced where a packet leaves the network towards the NIC, after load balancing, so a rule sees what Azure's
sees: the frontend with floating IP, the member's address and backend port without. They are stateful. A NIC without rules
accepts everything, as a NIC without a network security group does.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, collapse_addresses

from harness.localazure.fabric.api import NetworkPlan, NicPlan, SecurityRulePlan
from harness.localazure.fabric.names import UPLINK, nic_link

_ANY_PORT = (0, 65535)


def chains(plan: NetworkPlan) -> list[str]:
    """The chains for forwarded packets and for those of the network itself (probes, metadata)."""
    guarded = [(index, nic) for index, nic in enumerate(plan.nics) if nic.security]
    jumps = ", ".join(f'"{nic_link(nic.key)}" : goto nic{index}' for index, nic in guarded)
    guard = ["ct state established,related accept", f"oifname vmap {{ {jumps} }}"] if guarded else []
    lines = [line for index, nic in guarded for line in _nic_chain(index, nic)]
    return [
        *lines,
        "chain forward {",
        "type filter hook forward priority filter; policy accept;",
        f'oifname "{UPLINK}" ct direction original drop',
        *(_only_own(nic) for nic in plan.nics if not nic.ip_forwarding),
        *guard,
        "}",
        "chain output {",
        "type filter hook output priority filter; policy accept;",
        *guard,
        "}",
    ]


def _only_own(nic: NicPlan) -> str:
    """A NIC without IP forwarding gets no packets for others (but those of frontends, with floating IP)."""
    return f'oifname "{nic_link(nic.key)}" ip daddr != {nic.address} ip daddr != @frontends drop'


def _nic_chain(index: int, nic: NicPlan) -> list[str]:
    return [f"chain nic{index} {{", *(line for rule in nic.security for line in _rule(rule)), "drop", "}"]


def _rule(rule: SecurityRulePlan) -> list[str]:
    verdict = "accept" if rule.allow else "drop"
    sources = _addresses("ip saddr", rule.sources)
    destinations = _addresses("ip daddr", rule.destinations)
    any_port = not rule.ports or _ANY_PORT in rule.ports
    if rule.protocol == "icmp":
        return [f"{sources}{destinations}ip protocol icmp {verdict}"]
    if any_port:
        protocol = "" if rule.protocol == "*" else f"ip protocol {rule.protocol} "
        return [f"{sources}{destinations}{protocol}{verdict}"]
    ports = ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in _merged(rule.ports))
    protocols = "{ tcp, udp }" if rule.protocol == "*" else rule.protocol
    return [f"{sources}{destinations}meta l4proto {protocols} th dport {{ {ports} }} {verdict}"]


def _addresses(field: str, networks: Iterable[IPv4Network]) -> str:
    """A match on addresses; nothing for 0.0.0.0/0 and for no networks at all, which means any."""
    distinct = list(collapse_addresses(networks))
    if not distinct or distinct[0].prefixlen == 0:
        return ""
    return f"{field} {{ {', '.join(map(str, distinct))} }} "


def _merged(ports: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same ports without overlaps, which nft refuses in a set."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ports):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
