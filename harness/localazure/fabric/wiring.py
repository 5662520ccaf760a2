"""What the links, addresses, routes and routing rules of a network must be: pure, from its plan.

A NIC is a routed veth: its network knows one /32 route to it, and answers ARP for everything else (proxy ARP), so that a
machine believes its subnet is on its link while all its packets pass layer 3 of the network's namespace, as they do on Azure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from harness.localazure.fabric.api import IMDS, WIRE, NetworkPlan, NicPlan
from harness.localazure.fabric.balancer import mark_of
from harness.localazure.fabric.names import UPLINK, nic_link

PROTOCOL = "122"
"""Number in routes' and rules' ``proto`` field that tells ours from the kernel's and from other programs'."""
ROUTER_MAC = "12:34:56:78:9a:bc"
"""Azure's router answers with this one address for everything."""
MAIN = 254
RULE_PRIORITY = 1000

SYSCTLS = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv4/conf/all/accept_redirects": "0",
    "ipv4/conf/default/accept_redirects": "0",
    "ipv4/conf/default/proxy_arp": "1",
    "ipv6/conf/default/disable_ipv6": "1",
}
"""Of a new network's namespace; links inherit ``default`` when they are made."""


def link_sysctls(nics: Iterable[NicPlan]) -> dict[str, str]:
    """Of new NICs' links: answer ARP at once. (Neighbour parameters have no per-namespace default to inherit.)"""
    return {f"ipv4/neigh/{nic_link(nic.key)}/proxy_delay": "0" for nic in nics}


MACHINE_SYSCTLS = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/accept_redirects": "0",
}
"""Of a new machine's namespace, which cannot set them all itself while /proc/sys is read-only."""


@dataclass(frozen=True, order=True)
class Route:
    """A route of the network's namespace. ``via`` and ``dev`` are empty for ``unreachable``."""

    table: int
    prefix: str
    """As ``ip`` prints it: ``default``, ``10.0.0.4``, ``10.244.0.0/24``."""
    via: str = ""
    dev: str = ""

    def line(self, verb: str) -> str:
        """A line of ``ip -batch``; the verb is ``replace`` or ``del``."""
        tail = f"table {self.table} proto {PROTOCOL}\n"
        if not self.dev:
            return f"route {verb} unreachable {self.prefix} {tail}"
        via = f"via {self.via} " if self.via else ""
        onlink = "onlink " if self.via else ""
        return f"route {verb} {self.prefix} {via}dev {self.dev} {onlink}{tail}"


@dataclass(frozen=True)
class Wiring:
    """The wanted state of a network's namespace, packet rules aside."""

    links: dict[str, str]
    """NIC link -> description of what it must be; a link that says otherwise is made anew."""
    addresses: frozenset[str]
    """On the loopback link: gateways, metadata, wire server."""
    routes: frozenset[Route]
    marks: frozenset[str]
    """Marks with a routing rule to the table of that number."""


def description(name: str, nic: NicPlan) -> str:
    """What a NIC's link says of itself; written last, so that a half-made link has none.

    :param name: namespace of its machine.
    """
    return f"{name}/{nic.index}/{nic.mac}/{nic.address}/{nic.subnet.prefixlen}"


def gateway(subnet: IPv4Network) -> IPv4Address:
    """The subnet's first address, which Azure's router has."""
    return subnet[1]


def wiring(plan: NetworkPlan, machines: dict[str, str]) -> Wiring:
    """The wanted wiring.

    :param machines: key of a NIC -> namespace of its machine.
    """
    routes: dict[tuple[int, str], Route] = {(MAIN, "default"): Route(MAIN, "default")}

    def add(route: Route) -> None:
        routes[route.table, route.prefix] = route

    links = {nic.address: nic_link(nic.key) for nic in plan.nics}
    for wanted in plan.routes:
        prefix = _shown(wanted.prefix)
        hop = wanted.next_hop
        add(Route(MAIN, prefix, str(hop), links[hop]) if hop in links else Route(MAIN, prefix))
    for address in plan.internal:
        # Any other device than the NICs' makes the kernel answer ARP for it; packets to it are marked before they get there.
        add(Route(MAIN, str(address), dev="lo"))
    for address, link in links.items():
        add(Route(MAIN, str(address), dev=link))
        add(Route(int(address), "default", str(address), link))
    return Wiring(
        links={nic_link(nic.key): description(machines[nic.key], nic) for nic in plan.nics},
        addresses=frozenset(map(str, [IMDS, WIRE, *(gateway(subnet) for subnet in plan.subnets)])),
        routes=frozenset(routes.values()),
        marks=frozenset(mark_of(address) for address in links),
    )


def _shown(prefix: IPv4Network) -> str:
    if prefix.prefixlen == 0:
        return "default"
    return str(prefix.network_address) if prefix.prefixlen == 32 else str(prefix)


def lines_for_machine(nic: NicPlan) -> str:
    """The ``ip -batch`` that sets up a NIC's end in its machine's namespace."""
    link = f"eth{nic.index}"
    lines = [
        f"addr replace {nic.address}/{nic.subnet.prefixlen} brd + dev {link}",
        f"link set {link} up",
    ]
    if nic.index == 0:
        lines.append(f"route replace default via {gateway(nic.subnet)} dev {link}")
    return "\n".join(lines) + "\n"


def line_for_link(name: str, nic: NicPlan) -> str:
    """The ``ip -batch`` line that makes a NIC's pair of links.

    :param name: namespace of its machine.
    """
    return (
        f"link add {nic_link(nic.key)} address {ROUTER_MAC} type veth "
        f"peer name eth{nic.index} address {nic.mac} netns {name}\n"
    )


__all__ = ["PROTOCOL", "UPLINK", "Route", "Wiring", "wiring"]
