"""Makes the namespace of a virtual network equal to its wiring, by reading what is there and changing only what differs.

Reading first is what repairs the leftovers of a server that was killed half way, and what adopts a network that a previous
server made: nothing is remembered that could be wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from filelock import FileLock

from harness.localazure.fabric import namespaces, wiring
from harness.localazure.fabric.api import NetworkPlan
from harness.localazure.fabric.commands import attempt, run
from harness.localazure.fabric.names import UPLINK, Names, nic_link
from harness.localazure.fabric.uplinks import Uplink
from harness.localazure.fabric.wiring import MAIN, PROTOCOL, RULE_PRIORITY, Route, Wiring

_NOTHING = Wiring({}, frozenset(), frozenset(), frozenset())


def apply(names: Names, plan: NetworkPlan) -> None:
    """Make namespaces, links, addresses and routes equal to the plan; packet rules are installed apart."""
    name = names.network(plan.key)
    machines = {nic.key: names.machine(nic.machine) for nic in plan.nics}
    there = ensure_namespaces(names, network=name, machines=machines.values())
    wanted = wiring.wiring(plan, machines)
    actual = _read(name) if there else _NOTHING
    fresh = [nic for nic in plan.nics if actual.links.get(nic_link(nic.key)) != wanted.links[nic_link(nic.key)]]
    stale = [link for link in actual.links if actual.links[link] != wanted.links.get(link)]
    lines = [f"link del {link}\n" for link in stale]
    if not there:
        lines.append("link set lo up\n")
    for nic in fresh:
        lines.append(wiring.line_for_link(machines[nic.key], nic))
        lines.append(f"link set {nic_link(nic.key)} up\n")
    _batch(name, lines)
    if fresh:
        namespaces.write_sysctls(name, wiring.link_sysctls(fresh))
    with ThreadPoolExecutor(max_workers=4) as pool:
        for _ in pool.map(lambda nic: _batch(machines[nic.key], [wiring.lines_for_machine(nic)]), fresh):
            pass
    # Routes of a link that was deleted are gone with it; everything else that is not wanted any more goes now.
    kept = frozenset(route for route in actual.routes if route.dev not in stale)
    _batch(name, _differences(wanted, actual, kept, [nic_link(nic.key) for nic in fresh]))
    Uplink(names, plan.key).apply((*plan.public, *(outside for outside, _ in plan.instance_public)))


def ensure_namespaces(names: Names, *, network: str = "", machines: Iterable[str] = ()) -> bool:
    """Make what is missing, with its kernel parameters; return whether the network's was there before.

    A machine and its network may ask for the machine's namespace at the same time: one after the other.
    """
    with _changing(names):
        present = namespaces.existing(names.prefix)
        missing = ({network} if network else set()) | set(machines)
        missing -= present
        namespaces.create(sorted(missing))
        for name in sorted(missing):
            namespaces.write_sysctls(name, wiring.SYSCTLS if name == network else wiring.MACHINE_SYSCTLS)
            if name != network:
                run(["ip", "-n", name, "link", "set", "lo", "up"])
    return network in present


def _changing(names: Names) -> FileLock:
    """Held by whoever makes or removes machines' namespaces."""
    return FileLock(names.state / ".namespaces.lock", timeout=60)


def _batch(name: str, lines: Iterable[str]) -> None:
    text = "".join(lines)
    if text:
        run(["ip", "-n", name, "-batch", "-"], stdin=text)


def _differences(wanted: Wiring, actual: Wiring, kept: frozenset[Route], fresh: list[str]) -> list[str]:
    lines = [f"addr add {address}/32 dev lo\n" for address in sorted(wanted.addresses - actual.addresses)]
    lines += [f"addr del {address}/32 dev lo\n" for address in sorted(actual.addresses - wanted.addresses)]
    places = {(route.table, route.prefix) for route in wanted.routes}
    lines += [route.line("del") for route in sorted(kept - wanted.routes) if (route.table, route.prefix) not in places]
    lines += [route.line("replace") for route in sorted(wanted.routes - kept)]
    lines += [f"rule add {_rule(mark)}\n" for mark in sorted(wanted.marks - actual.marks)]
    lines += [f"rule del {_rule(mark)}\n" for mark in sorted(actual.marks - wanted.marks)]
    lines += [f"link set {link} alias {wanted.links[link]}\n" for link in fresh]
    return lines


def _rule(mark: str) -> str:
    return f"pref {RULE_PRIORITY} fwmark {mark} lookup {int(mark, 16)} proto {PROTOCOL}"


def _read(name: str) -> Wiring:
    """What is in the namespace now, in one call."""
    # "link show" comes last: in a batch its address family sticks to what follows.
    questions = f"addr show dev lo\nroute show table all proto {PROTOCOL}\nrule show\nlink show\n"
    output = run(["ip", "-n", name, "-N", "-j", "-batch", "-"], stdin=questions)
    loopback, routes, rules, links = _documents(output)
    return Wiring(
        links={link["ifname"]: link.get("ifalias", "") for link in links if link["ifname"] not in ("lo", UPLINK)},
        addresses=frozenset(
            item["local"]
            for link in loopback
            for item in link.get("addr_info", [])
            if item["family"] == "inet" and item["local"] != "127.0.0.1"
        ),
        routes=frozenset(_route(item) for item in routes),
        marks=frozenset(f"{int(rule['fwmark'], 16):#010x}" for rule in rules if rule.get("protocol") == PROTOCOL),
    )


def _documents(text: str) -> list[list[dict[str, Any]]]:
    """The JSON documents of a batch, one after the other; ``ip`` prints none for an empty answer of some kinds."""
    decoder = json.JSONDecoder()
    documents: list[list[dict[str, Any]]] = []
    position = 0
    while position < len(text.rstrip()):
        while text[position].isspace():
            position += 1
        document, position = decoder.raw_decode(text, position)
        documents.append([item for item in document if item])
    return documents


def _route(item: dict[str, Any]) -> Route:
    unreachable = item.get("type") == "7"
    return Route(
        table=int(item.get("table", MAIN)),
        prefix=item["dst"],
        via=item.get("gateway", ""),
        dev="" if unreachable else item["dev"],
    )


def remove_machine_namespace(names: Names, key: str) -> None:
    """Remove a machine's namespace and its NICs' links.

    The links go first: the kernel takes a namespace apart some time after it was let go of, and until then the other ends would
    look as if nothing had happened.
    """
    name = names.machine(key)
    with _changing(names):
        links = [link["ifname"] for link in _links_of(name) if link["ifname"].startswith("eth")]
        _batch(name, [f"link del {link}\n" for link in links])
        namespaces.remove([name])


def drop_unused_namespaces(names: Names, machines: Path, wanted: Callable[[], set[str]]) -> None:
    """Remove namespaces of machines that neither exist nor have a NIC, nor are about to get one.

    :param machines: folder that holds one folder a machine.
    :param wanted: machines that networks have or are being given; asked when no namespace can be made any more, so that a network
        that comes after the answer makes its own anew.
    """
    with _changing(names):
        kept = {names.machine(machine) for machine in wanted()}
        for name in namespaces.existing(names.machine("")) - kept:
            key = names.machine_key(name)
            if key and not (machines / key).exists() and len(_links_of(name)) <= 1:
                namespaces.remove([name])


def _links_of(name: str) -> list[Any]:
    code, output, _ = attempt(["ip", "-n", name, "-j", "link"])
    return [] if code else list(json.loads(output))


def load(names: Names, key: str, script: str) -> None:
    """Install packet rules (see balancer.py) in a network, in one transaction."""
    namespaces.inside(names.network(key), lambda: run(["nft", "-f", "-"], stdin=script))


def forget(names: Names, key: str, selectors: Iterable[list[str]]) -> None:
    """Delete tracked connections (see flows.py); that there are none is no error."""
    for selector in selectors:
        namespaces.inside(names.network(key), lambda argv=selector: attempt(["conntrack", *argv]))  # type: ignore[misc]


def remove(names: Names, key: str) -> None:
    """Remove a network's namespace and links. Sockets that are still open in it keep nothing alive but themselves."""
    Uplink(names, key).remove()
    name = names.network(key)
    if name not in namespaces.existing(names.prefix):
        return
    links = [link for link in _read(name).links if link]
    _batch(name, [f"link set {link} group 7\n" for link in links] + (["link del group 7\n"] if links else []))
    namespaces.remove([name])
