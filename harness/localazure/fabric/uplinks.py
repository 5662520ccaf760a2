"""The host's side of networks: unreachable public ranges, and one link to each network that has public addresses.

Public addresses come from TEST-NET ranges. While no network answers for one of them its packets must not go out to a real
network, so the ranges are ``unreachable``; a public address in use is a /32 route into its network. Ends of such a link have
addresses of 100.64.0.0/10 (shared address space, RFC 6598): clients on the host appear inside with theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from filelock import FileLock

from harness.localazure.fabric import namespaces
from harness.localazure.fabric.api import PUBLIC_RANGES
from harness.localazure.fabric.commands import attempt, run
from harness.localazure.fabric.names import MARK, UPLINK, Names
from harness.localazure.fabric.wiring import PROTOCOL

SHARED = IPv4Network("100.64.0.0/10")
"""Where links to the host get their addresses."""
USERS = Path("/run/hz-fabric")
"""One file for each fabric on this host that needs the public ranges unreachable."""


def _lock() -> FileLock:
    USERS.mkdir(exist_ok=True)
    return FileLock(USERS / ".lock", timeout=20)


def claim_ranges(names: Names) -> None:
    """Make the public ranges unreachable on this host, for this fabric and any other."""
    with _lock():
        (USERS / names.prefix).write_text(f"{names.state}\n")
        lines = [f"route replace unreachable {prefix} proto {PROTOCOL}\n" for prefix in PUBLIC_RANGES]
        run(["ip", "-batch", "-"], stdin="".join(lines))


def release_ranges(names: Names) -> None:
    """Let go of the public ranges; the last fabric of the host takes the routes away."""
    if not USERS.exists():
        return
    with _lock():
        (USERS / names.prefix).unlink(missing_ok=True)
        if any(path.name.startswith(MARK) for path in USERS.iterdir()):
            return
        for prefix in PUBLIC_RANGES:
            attempt(["ip", "route", "del", "unreachable", str(prefix), "proto", PROTOCOL])
        (USERS / ".lock").unlink(missing_ok=True)
        USERS.rmdir()


class Uplink:
    """The link between the host and one network."""

    def __init__(self, names: Names, network: str) -> None:
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
        if lines:
            run(["ip", "-batch", "-"], stdin="".join(lines))

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
        with _lock():
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
