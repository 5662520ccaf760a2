"""Connections that must be forgotten when a network's load balancing changes.

Azure lets established TCP flows of a member that leaves run on; UDP has no flow of its own, and a client that keeps sending
would stay on a dead member for ever (the kernel's entry never expires while packets come). A rule that is gone takes all its
flows with it. Facts: docs/explanation/fabric.md.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from harness.localazure.fabric.api import NetworkPlan, RulePlan
from harness.localazure.fabric.balancer import Health, mark_of


def forgotten(
    before: NetworkPlan, healthy_before: Health, after: NetworkPlan, healthy_after: Health
) -> list[list[str]]:
    """Arguments of ``conntrack`` that delete the flows which may not survive a change."""
    wanted = {_front(rule): rule for rule in after.rules}
    gone: list[list[str]] = []
    for rule in before.rules:
        successor = wanted.get(_front(rule))
        if successor is None:
            gone.append(["-D", *_selector(rule)])
        elif rule.protocol != "tcp":
            left = healthy_before.get(rule.key, frozenset()) - healthy_after.get(successor.key, frozenset())
            gone += [_udp_of(rule, member) for member in sorted(left)]
    remaining = {nic.address for nic in after.nics}
    for nic in before.nics:
        if nic.address not in remaining:
            gone.append(["-D", "-m", mark_of(nic.address)])
    return gone


def _front(rule: RulePlan) -> tuple[IPv4Address, str, int, bool, int]:
    return rule.frontend, rule.protocol, rule.frontend_port, rule.floating, rule.backend_port


def _selector(rule: RulePlan) -> list[str]:
    if rule.protocol == "all":
        return ["--orig-dst", str(rule.frontend)]
    return ["-p", rule.protocol, "--orig-dst", str(rule.frontend), "--orig-port-dst", str(rule.frontend_port)]


def _udp_of(rule: RulePlan, member: IPv4Address) -> list[str]:
    port = ["--orig-port-dst", str(rule.frontend_port)] if rule.frontend_port else []
    return ["-D", "-p", "udp", "--orig-dst", str(rule.frontend), *port, "-m", mark_of(member)]
