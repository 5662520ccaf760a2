"""Addresses of the public ranges that this host itself uses: never given to a resource, and routed as they were before.

The ranges are for documentation (RFC 5737), yet hosts are seen that reach their package mirror or resolver at such an address. While
a fabric works the ranges are unreachable, and that host could download nothing any more. What a host uses is told by its own files,
and by the kernel's memory of whom it spoke TCP with (``ip tcp_metrics``) other than over a fabric's link.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from harness.localazure.fabric.api import PUBLIC_RANGES
from harness.localazure.fabric.commands import attempt

HOSTS = Path("/etc/hosts")
RESOLVER = Path("/etc/resolv.conf")
FABRIC_LINKS = IPv4Network("100.64.0.0/10")
"""Sources of the host's own packets into a fabric."""


def reserved(hosts: str, resolver: str) -> frozenset[IPv4Address]:
    """Addresses of the public ranges that are named in the texts of /etc/hosts and /etc/resolv.conf."""
    names = [word for line in hosts.splitlines() for word in line.split()[:1]]
    servers = [line.split()[1:2] for line in resolver.splitlines() if line.startswith("nameserver")]
    return _public([*names, *(word for words in servers for word in words)])


def spoken_with(metrics: Iterable[dict[str, Any]]) -> frozenset[IPv4Address]:
    """Addresses of the public ranges that ``ip -j tcp_metrics`` knows, but for those behind a fabric's link."""
    return _public(
        item.get("dst", "")
        for item in metrics
        if not any(source in FABRIC_LINKS for source in _addresses([item.get("source", "")]))
    )


def of_host() -> frozenset[IPv4Address]:
    """Addresses that this host uses."""
    hosts, resolver = (path.read_text() if path.exists() else "" for path in (HOSTS, RESOLVER))
    return reserved(hosts, resolver) | spoken_with(_ask("tcp_metrics", "show"))


def routes(addresses: Iterable[IPv4Address], protocol: str) -> list[str]:
    """Lines for ``ip -batch`` that pin each address to the way it takes now; none where the host has a route of its own already."""
    lines = []
    for address in sorted(addresses):
        if _ask("route", "show", "exact", f"{address}/32"):
            continue
        for found in _ask("route", "get", str(address)):
            if "dev" in found:
                way = f"via {found['gateway']} " if "gateway" in found else ""
                lines.append(f"route replace {address}/32 {way}dev {found['dev']} proto {protocol}\n")
    return lines


def _ask(*words: str) -> list[dict[str, Any]]:
    """What iproute2 shows; nothing where it refuses, as it does for an address that nothing leads to."""
    code, shown, _ = attempt(["ip", "-j", *words])
    answer: list[dict[str, Any]] = json.loads(shown or "[]") if code == 0 else []
    return answer


def _public(words: Iterable[str]) -> frozenset[IPv4Address]:
    return frozenset(address for address in _addresses(words) if any(address in whole for whole in PUBLIC_RANGES))


def _addresses(words: Iterable[str]) -> Iterator[IPv4Address]:
    for word in words:
        try:
            yield IPv4Address(word)
        except AddressValueError:
            continue  # a comment, or IPv6
