"""A network's packet rules as one nft script: load balancing, 1:1 NAT, spoofing, security rules.

Pure: a plan and the members' health in, a script out that replaces the whole table in one transaction, so that a change is
never half there. What each part is for (facts: docs/explanation/fabric.md):

- A new flow to a frontend gets a mark, which is its member's address as a number. One routing rule a member leads marked
  packets to it with their destination unchanged (floating IP); rules without floating IP translate the destination as well.
  The mark is kept with the connection, so an established flow stays where it is whatever happens to the pool.
- The hash selects one of :data:`BUCKETS` buckets; each bucket belongs to the healthy member with the highest weight for it
  (rendezvous hashing), so that a change moves only the flows of the members concerned, also those of affinity by source.
- A node that does not know a frontend yet routes the packet back. It would be marked again, and again: packets to a frontend
  that come from a NIC must have a source that is that NIC's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from harness.localazure.fabric import security
from harness.localazure.fabric.api import NetworkPlan, NicPlan, RulePlan
from harness.localazure.fabric.names import UPLINK, nic_link

BUCKETS = 128
"""Parts a pool is divided into: fine enough for an even share, small enough that the script stays short."""
SEED = 0x687A
"""Seed of the hash. Fixed: otherwise each swap would move every flow without a mark, and with it affinity by source."""
TABLE = "fabric"

Health = Mapping[str, frozenset[IPv4Address]]
"""Rule key -> members that may get new flows."""


def mark_of(address: IPv4Address) -> str:
    """The mark (and routing table) of a member."""
    return f"{int(address):#010x}"


def script(plan: NetworkPlan, health: Health) -> str:
    """The table for a network.

    :param health: rule key -> healthy members; a rule without an entry has none.
    """
    nics = {nic.address: nic for nic in plan.nics}
    rules = [rule for rule in plan.rules if rule.frontend in (*plan.public, *plan.internal)]
    members = {
        rule.key: tuple(sorted(m for m in health.get(rule.key, ()) if m in nics and m in rule.members))
        for rule in rules
    }
    pools = [(index, rule, members[rule.key]) for index, rule in enumerate(rules)]
    parts = [
        *_sets(plan),
        *_lost(plan),
        *(line for index, rule, healthy in pools for line in _choice(index, rule, healthy)),
        *(line for index, rule, healthy in pools for line in _translation(index, rule, healthy)),
        *_prerouting(plan, pools),
        *_destination_nat(plan, pools),
        *_source_nat(plan),
        *security.chains(plan),
    ]
    return "\n".join(
        [f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{", *parts, "}", ""],
    )


def owned(plan: NetworkPlan, nic: NicPlan) -> list[str]:
    """Sources that are a NIC's own: its address, and the prefixes that are routed to it."""
    routed = [route.prefix for route in plan.routes if route.next_hop == nic.address]
    # As ranges: nft takes no prefix of length 0 inside a concatenation.
    return [f"{net[0]}-{net[-1]}" for net in collapse_addresses([IPv4Network(nic.address), *routed])]


@lru_cache(maxsize=512)
def buckets(members: tuple[IPv4Address, ...]) -> tuple[IPv4Address, ...]:
    """Which member each bucket belongs to."""

    def weight(bucket: int, member: IPv4Address) -> bytes:
        return hashlib.blake2b(b"%d " % bucket + member.packed, digest_size=8).digest()

    return tuple(max(members, key=lambda member: weight(bucket, member)) for bucket in range(BUCKETS))


def _set(name: str, declaration: str, elements: Iterable[str]) -> list[str]:
    values = list(dict.fromkeys(elements))
    content = [f"elements = {{ {', '.join(values)} }}"] if values else []
    return [f"set {name} {{", declaration, *content, "}"]


def _sets(plan: NetworkPlan) -> list[str]:
    public = [*map(str, plan.public), *(str(outside) for outside, _ in plan.instance_public)]
    sources = [f'"{nic_link(nic.key)}" . {source}' for nic in plan.nics for source in owned(plan, nic)]
    return [
        *_set("public", "type ipv4_addr", public),
        *_set("frontends", "type ipv4_addr", [*public, *map(str, plan.internal)]),
        *_set("owners", "typeof iifname . ip saddr\nflags interval", sources),
    ]


def _lost(plan: NetworkPlan) -> list[str]:
    """What keeps everything from and to NICs that lost their network, before the connections of either side are looked at."""
    links = ", ".join(f'"{nic_link(nic.key)}"' for nic in plan.nics if nic.lost)
    if not links:
        return []
    return [
        *("chain lost_in {", "type filter hook prerouting priority raw; policy accept;", f"iifname {{ {links} }} drop"),
        *("}", "chain lost_out {", "type filter hook postrouting priority raw; policy accept;"),
        *(f"oifname {{ {links} }} drop", "}"),
    ]


def _hash_input(rule: RulePlan) -> str:
    if rule.affinity == "SourceIP":
        return "ip saddr . ip daddr"
    if rule.affinity == "SourceIPProtocol":
        return "ip saddr . ip daddr . ip protocol"
    return "ip saddr . ip daddr . th sport . th dport"


def _choice(index: int, rule: RulePlan, healthy: tuple[IPv4Address, ...]) -> list[str]:
    """The chain that gives a new flow of a rule its member; without a member the flow is dropped, as on Azure."""
    if not healthy:
        return [f"chain rule{index} {{", "drop", "}"]
    entries = ", ".join(f"{bucket} : {mark_of(member)}" for bucket, member in enumerate(buckets(healthy)))
    return [
        f"chain rule{index} {{",
        f"meta mark set jhash {_hash_input(rule)} mod {BUCKETS} seed {SEED:#x} map {{ {entries} }}",
        "ct mark set meta mark",
        "accept",
        "}",
    ]


def _translation(index: int, rule: RulePlan, healthy: tuple[IPv4Address, ...]) -> list[str]:
    """Without floating IP: the chain that translates the destination to the chosen member and the backend port."""
    if rule.floating or not healthy:
        return []
    matched, port = (f"meta l4proto {rule.protocol} ", f":{rule.backend_port}") if rule.backend_port else ("", "")
    lines = [f"{matched}meta mark {mark_of(member)} dnat to {member}{port}" for member in healthy]
    return [f"chain backend{index} {{", *lines, "}"]


Pool = tuple[int, RulePlan, tuple[IPv4Address, ...]]


def _match(pools: Iterable[Pool], chain: str) -> list[str]:
    """Verdict maps from frontend, protocol and port to a chain; rules for all ports come after those for one."""
    exact = [
        f"{rule.frontend} . {rule.protocol} . {rule.frontend_port} : goto {chain}{index}"
        for index, rule, _ in pools
        if rule.protocol != "all"
    ]
    whole = [f"{rule.frontend} : goto {chain}{index}" for index, rule, _ in pools if rule.protocol == "all"]
    lines = []
    if exact:
        lines.append(f"ip daddr . ip protocol . th dport vmap {{ {', '.join(exact)} }}")
    if whole:
        lines.append(f"ip daddr vmap {{ {', '.join(whole)} }}")
    return lines


def _prerouting(plan: NetworkPlan, pools: list[Pool]) -> list[str]:
    instances = [
        f"ip daddr {outside} meta mark set {mark_of(address)} ct mark set {mark_of(address)} accept"
        for outside, address in plan.instance_public
    ]
    still = [
        f'iifname "{nic_link(nic.key)}" ip saddr != {nic.address} drop' for nic in plan.nics if not nic.ip_forwarding
    ]
    return [
        "chain prerouting {",
        "type filter hook prerouting priority mangle; policy accept;",
        "ct direction reply accept",
        f'iifname "{UPLINK}" ip daddr != @public drop',
        f'iifname != "{UPLINK}" ip daddr @frontends iifname . ip saddr != @owners drop',
        *still,
        "ct mark != 0 meta mark set ct mark accept",
        "ip daddr != @frontends accept",
        *_match(pools, "rule"),
        *instances,
        "drop",
        "}",
    ]


def _destination_nat(plan: NetworkPlan, pools: list[Pool]) -> list[str]:
    translated = [pool for pool in pools if not pool[1].floating and pool[2]]
    instances = [f"ip daddr {outside} dnat to {address}" for outside, address in plan.instance_public]
    return [
        "chain destination {",
        "type nat hook prerouting priority dstnat; policy accept;",
        "meta mark 0 accept",
        *_match(translated, "backend"),
        *instances,
        "}",
    ]


def _source_nat(plan: NetworkPlan) -> list[str]:
    """A flow that comes back to the NIC it left gets the public frontend as its source, as outbound NAT does on Azure."""
    links = [f'"{nic_link(nic.key)}" . "{nic_link(nic.key)}"' for nic in plan.nics]
    public = [*plan.public, *(outside for outside, _ in plan.instance_public)]
    if not links or not public:
        return []
    same = ", ".join(f"{address} : {address}" for address in dict.fromkeys(public))
    return [
        "chain source {",
        "type nat hook postrouting priority srcnat; policy accept;",
        f"iifname . oifname {{ {', '.join(links)} }} snat to ct original ip daddr map {{ {same} }}",
        "}",
    ]
