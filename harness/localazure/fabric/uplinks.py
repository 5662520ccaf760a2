"""The host's side of networks: one link to each network that has public addresses.

A public address in use is a /32 route of the host into its network. The ends of the link have addresses of 100.64.0.0/10 (shared
address space, RFC 6598), and clients on the host appear inside with theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from harness.errors import CloudError
from harness.localazure.fabric import namespaces
from harness.localazure.fabric.commands import run
from harness.localazure.fabric.host import host_lock
from harness.localazure.fabric.names import MARK, UPLINK, Names
from harness.localazure.fabric.wiring import PROTOCOL

SHARED = IPv4Network("100.64.0.0/10")
"""Where links to the host get their addresses."""


def foreign(names: Names) -> frozenset[IPv4Address]:
    """Public addresses that other fabrics of this host route to their networks."""
    shown = json.loads(run(["ip", "-j", "route", "show", "proto", PROTOCOL]) or "[]")
    return frozenset(
        IPv4Address(item["dst"])
        for item in shown
        if item.get("dev", "").startswith(MARK) and not item["dev"].startswith(names.prefix)
    )


class Uplink:
    """The link between the host and one network."""

    def __init__(self, names: Names, network: str) -> None:
        self._names = names
        self._name = names.uplink(network)
        self._namespace = names.network(network)

    def apply(self, public: Iterable[IPv4Address]) -> None:
        """Route exactly these public addresses from the host into the network."""
        wanted = {str(address) for address in public}
        link = _link(self._name)
        if not wanted and link is None:
            return
        ours, theirs = self._addresses(link) if link else self._make()
        present = _routes(self._name) if link else set()
        lines = [f"route del {address} dev {self._name} proto {PROTOCOL}\n" for address in sorted(present - wanted)]
        lines += [
            f"route replace {address} via {theirs} dev {self._name} src {ours} proto {PROTOCOL}\n"
            for address in sorted(wanted - present)
        ]
        with host_lock():
            self._refuse_foreign(wanted - present)
            if lines:
                run(["ip", "-batch", "-"], stdin="".join(lines))

    def _refuse_foreign(self, addresses: set[str]) -> None:
        taken = sorted(addresses & set(map(str, foreign(self._names)))) if addresses else []
        if taken:
            raise CloudError(
                f"route the public address {taken[0]} to {self._namespace}",
                code="PublicIPAddressInUse",
                last_seen="another server on this host has it",
                hint="`ip route` shows its link, and the files in /run/hz-fabric the servers' state folders",
            )

    def remove(self) -> None:
        """Remove the link, and with it its routes."""
        if Path("/sys/class/net", self._name).exists():
            run(["ip", "link", "del", self._name])

    def _addresses(self, link: dict[str, Any]) -> tuple[IPv4Address, IPv4Address]:
        """Both ends' addresses; a link without them is half-made, and made anew."""
        for item in link.get("addr_info", []):
            if item["family"] == "inet" and link.get("ifalias") == self._namespace:
                ours = IPv4Address(item["local"])
                return ours, ours + 1
        self.remove()
        return self._make()

    def _make(self) -> tuple[IPv4Address, IPv4Address]:
        with host_lock():
            ours = _free_pair(self._name)
            theirs = ours + 1
            run(
                ["ip", "-batch", "-"],
                stdin=f"link add {self._name} type veth peer name {UPLINK} netns {self._namespace}\n"
                f"addr add {ours}/31 dev {self._name}\n"
                f"link set {self._name} up\n",
            )
        run(
            ["ip", "-n", self._namespace, "-batch", "-"],
            stdin=f"addr add {theirs}/31 dev {UPLINK}\nlink set {UPLINK} up\n",
        )
        namespaces.write_sysctls(self._namespace, {f"ipv4/conf/{UPLINK}/proxy_arp": "0"})
        run(["ip", "link", "set", self._name, "alias", self._namespace])
        return ours, theirs


def _link(name: str) -> dict[str, Any] | None:
    if not Path("/sys/class/net", name).exists():
        return None
    shown = json.loads(run(["ip", "-j", "addr", "show", "dev", name]))
    alias = Path("/sys/class/net", name, "ifalias").read_text().strip()
    return {**shown[0], "ifalias": alias}


def _routes(name: str) -> set[str]:
    shown = json.loads(run(["ip", "-j", "route", "show", "dev", name, "proto", PROTOCOL]) or "[]")
    return {item["dst"] for item in shown}


def _free_pair(name: str) -> IPv4Address:
    """The first address of a pair that nobody on this host uses, starting at one derived from the name."""
    used = [
        IPv4Network(f"{item['local']}/{item['prefixlen']}", strict=False)
        for link in json.loads(run(["ip", "-j", "-4", "addr", "show"]))
        for item in link.get("addr_info", [])
    ]
    pairs = SHARED.num_addresses // 2
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % pairs
    for step in range(pairs):
        first = SHARED[(start + step) % pairs * 2]
        if not any(first in network or first + 1 in network for network in used):
            return first
    raise AssertionError("two million links on one host")
