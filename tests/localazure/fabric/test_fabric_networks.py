"""Virtual networks with real packets: routes, security rules, addresses, services, and what survives a server."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from fabric_lab import (
    INSTANCE,
    INTERNAL,
    OTHER_PUBLIC,
    PUBLIC,
    TCP_PORT,
    UNUSED,
    Lab,
    address,
    network,
    nic,
    rule,
)

from harness.errors import CloudError
from harness.localazure.fabric.api import IMDS, WIRE, ProbePlan, RoutePlan, SecurityRulePlan
from harness.localazure.fabric.linux import LinuxFabric

pytestmark = pytest.mark.root
POD_PREFIX = IPv4Network("10.244.1.0/24")
ANY = IPv4Network("0.0.0.0/0")


def test_two_networks_with_the_same_addresses_side_by_side(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        nics = {name: tuple(nic(number, network=name) for number in (1, 2)) for name in "ab"}
        for name, frontend in (("a", PUBLIC), ("b", OTHER_PUBLIC)):
            plan = network(rule(frontend=frontend, members=(1, 2)), key=name, nics=nics[name], public=(frontend,))
            await lab.fabric.apply_network(plan)
            lab.serve(1, 2, network=name, frontends=(frontend,))
            await lab.healthy(2, key=name)
        assert {(await lab.ask(PUBLIC)).split()[0] for _ in range(20)} == {"vma1", "vma2"}
        assert {(await lab.ask(OTHER_PUBLIC)).split()[0] for _ in range(20)} == {"vmb1", "vmb2"}
        assert await lab.ask(address(2), space="vma1") == f"vma2 {address(1)}"
        await lab.fabric.remove_network("a")
        assert {(await lab.ask(OTHER_PUBLIC)).split()[0] for _ in range(20)} == {"vmb1", "vmb2"}
        assert await lab.unreachable(PUBLIC)
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_networks_that_come_and_go_at_the_same_time_leave_each_others_machines_alone(lab: Lab) -> None:
    async def comes_and_goes(name: str) -> None:
        nics = tuple(nic(number, network=name) for number in (1, 2, 3))
        for _ in range(4):
            await lab.fabric.apply_network(network(key=name, nics=nics, public=()))
            for number in (1, 2, 3):
                assert "eth0" in lab.ip(lab.names.machine(f"vm{name}{number}"), "-br", "link")
            await lab.fabric.remove_network(name)

    async def scenario() -> None:
        await lab.fabric.start()
        await asyncio.gather(*map(comes_and_goes, "abcdef"))
        await lab.fabric.clear()

    asyncio.run(scenario())


def test_route_leads_to_a_pod_prefix_and_sources_are_checked(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        plan = network(routes=(RoutePlan(POD_PREFIX, address(1)),), nics=(nic(1), nic(2), nic(3, forwarding=False)))
        await lab.fabric.apply_network(plan)
        lab.serve(1)
        await lab.serving("vm1")
        pod = POD_PREFIX[5]
        lab.ip(lab.names.machine("vm1"), "addr", "add", f"{pod}/32", "dev", "lo")
        lab.ip(lab.names.machine("vm3"), "addr", "add", "10.244.3.3/32", "dev", "lo")
        assert await lab.ask(pod, space="vm2") == f"vm1 {address(2)}"
        assert await lab.ask(pod, space="vm3") == f"vm1 {address(3)}"
        lab.route_from_host(pod)
        assert await lab.unreachable(pod)
        assert await lab.unreachable(pod, space="vm3", source="10.244.3.3")
        await lab.fabric.apply_network(replace(plan, routes=()))
        assert await lab.unreachable(pod, space="vm2")
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_security_rules_are_enforced_behind_the_balancer(lab: Lab) -> None:
    allow = SecurityRulePlan("web", True, "tcp", (ANY,), (IPv4Network(PUBLIC),), ((TCP_PORT, TCP_PORT),))
    probes = SecurityRulePlan("probes", True, "*", (IPv4Network(WIRE),), (ANY,), ((0, 65535),))

    async def scenario() -> None:
        await lab.fabric.start()

        def plan(*security: SecurityRulePlan):
            return network(rule(), nics=tuple(nic(number, security=security) for number in (1, 2, 3)))

        await lab.fabric.apply_network(plan(allow, probes))
        lab.serve(1, 2, 3, frontends=(PUBLIC,))
        await lab.healthy(3)
        await lab.ask(PUBLIC)
        assert await lab.unreachable(address(1), space="vm2")
        kept = await lab.connect(PUBLIC)
        await lab.say(*kept)
        await lab.fabric.apply_network(plan(replace(allow, allow=False), probes))
        await lab.say(*kept)  # rules are about new flows
        kept[1].close()
        assert await lab.unreachable(PUBLIC)
        await lab.fabric.apply_network(plan(allow))
        await lab.healthy(0)  # a rule set without the load balancer's probes takes every member out
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_instance_address_is_translated_one_to_one(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.apply_network(network(instance_public=((INSTANCE, address(2)),)))
        lab.serve(2)
        await lab.serving("vm2")
        assert (await lab.ask(INSTANCE)).startswith("vm2 100.")
        assert await lab.ask(INSTANCE, space="vm1") == f"vm2 {address(1)}"
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_machines_reach_local_services_and_nothing_of_the_host(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.apply_network(network(rule(probe=ProbePlan("tcp", TCP_PORT, "", 5, 2))))
        opened = await lab.fabric.listen("net", IMDS, 80)
        server = await asyncio.start_server(lambda reader, writer: writer.close(), sock=opened)
        reader, writer = await lab.connect(IMDS, 80, space="vm1")
        assert await reader.read() == b""
        writer.close()
        server.close()
        shown = lab.run("ip", "-4", "-o", "addr", "show", "dev", lab.names.uplink("net"))
        host = shown.split()[3].split("/")[0]
        with socket.create_server((host, 0)) as listening:
            assert await lab.unreachable(IPv4Address(host), listening.getsockname()[1], space="vm1")
        assert await lab.unreachable(UNUSED)  # nobody's: unreachable at once
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_another_server_adopts_a_network_without_a_gap(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        plan = network(rule())
        await lab.fabric.apply_network(plan)
        lab.serve(1, 2, 3, frontends=(PUBLIC,))
        await lab.healthy(3)
        await lab.fabric.stop()
        second = LinuxFabric(lab.state)
        await second.start()
        links = lab.ip(lab.names.network("net"), "link")
        await asyncio.gather(second.apply_network(plan), *(lab.ask(PUBLIC) for _ in range(30)))
        assert lab.ip(lab.names.network("net"), "link") == links
        assert all((await second.member_health("net"))["web"].values())
        await second.stop()

    asyncio.run(scenario())


def test_half_made_network_is_repaired(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        plan = network(rule())
        await lab.fabric.apply_network(plan)
        await lab.fabric.stop()
        space = lab.names.network("net")
        lab.ip(space, "link", "set", "n2", "alias", "half")
        lab.ip(space, "link", "del", "n3")
        lab.ip(space, "addr", "del", f"{WIRE}/32", "dev", "lo")
        lab.run("ip", "link", "set", lab.names.uplink("net"), "alias", "half")
        second = LinuxFabric(lab.state)
        await second.start()
        await second.apply_network(plan)
        lab.serve(1, 2, 3, frontends=(PUBLIC,))
        lab.fabric = second
        await lab.healthy(3)
        assert {(await lab.ask(PUBLIC)).split()[0] for _ in range(40)} == {"vm1", "vm2", "vm3"}
        await second.stop()

    asyncio.run(scenario())


def test_everything_at_once_is_accepted_by_the_kernel(lab: Lab) -> None:
    nets = (IPv4Network("10.0.0.0/8"), IPv4Network("10.1.0.0/16"))
    rules = (
        SecurityRulePlan("a", True, "*", nets, nets, ((1, 5), (3, 9), (80, 80))),
        SecurityRulePlan("b", False, "icmp", nets, (ANY,), ((0, 65535),)),
        SecurityRulePlan("c", True, "udp", (), (), ((0, 65535),)),
    )

    async def scenario() -> None:
        await lab.fabric.start()
        plan = network(
            rule("t", floating=False, port=80),
            rule("u", protocol="udp", affinity="SourceIPProtocol"),
            rule("s", port=81, affinity="SourceIP", probe=None),
            rule("h", frontend=INTERNAL, protocol="all", port=0, backend_port=0, floating=False, probe=None),
            nics=(nic(1, security=rules), nic(2, forwarding=False), nic(3, security=rules, forwarding=False)),
            routes=(
                RoutePlan(ANY, address(1)),
                RoutePlan(POD_PREFIX, address(1)),
                RoutePlan(IPv4Network("10.9.0.0/16"), None),
                RoutePlan(IPv4Network("10.8.0.0/16"), IPv4Address("10.0.7.7")),
            ),
            internal=(INTERNAL,),
            instance_public=((INSTANCE, address(3)),),
        )
        await lab.fabric.apply_network(plan)
        await lab.fabric.stop()
        second = LinuxFabric(lab.state)
        await second.start()
        await second.apply_network(plan)
        empty = replace(plan, nics=(), rules=(), public=(), internal=(), routes=(), instance_public=())
        await second.apply_network(empty)
        await second.remove_network("net")
        await second.remove_network("net")
        await second.stop()

    asyncio.run(scenario())
    assert not [name for name in lab.run("ip", "netns", "list").split() if name.startswith(lab.names.prefix)]


def test_public_address_of_another_server_is_refused_not_stolen(lab: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other")

    async def scenario() -> None:
        await lab.fabric.start()
        await other.fabric.start()
        await lab.fabric.apply_network(network(rule(probe=None)))
        lab.serve(1, 2, 3, frontends=(PUBLIC,))
        await lab.serving("vm1", "vm2", "vm3")
        assert PUBLIC in await other.fabric.foreign_public()
        assert PUBLIC not in await lab.fabric.foreign_public()
        with pytest.raises(CloudError, match="another server on this host has it"):
            await other.fabric.apply_network(network(rule(probe=None)))
        await other.fabric.clear()
        assert await lab.ask(PUBLIC)
        await lab.fabric.stop()

    try:
        asyncio.run(scenario())
    finally:
        other.close()


def test_machine_that_was_removed_gets_its_nic_again(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.apply_network(network())
        await lab.fabric.remove_machine("vm1")
        await lab.fabric.apply_network(network())
        assert str(address(1)) in lab.ip(lab.names.machine("vm1"), "addr", "show", "eth0")
        await lab.fabric.stop()

    asyncio.run(scenario())
