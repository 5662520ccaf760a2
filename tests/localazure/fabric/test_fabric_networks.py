"""Networks and load balancers with real packets."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from fabric_lab import (
    HTTP_PROBE,
    INSTANCE,
    INTERNAL,
    OTHER_PUBLIC,
    PATIENCE,
    PUBLIC,
    TCP_PORT,
    UDP_PORT,
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


def fresh_udp(limit: float = 20) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(("", 0))
    client.settimeout(limit * PATIENCE)
    return client


def exchange(client: socket.socket, host: IPv4Address, port: int = UDP_PORT) -> str:
    client.sendto(b"?", (str(host), port))
    return client.recv(100).decode()


def test_floating_rule_spreads_and_keeps_the_clients_address(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.apply_network(network(rule()))
        lab.serve(1, 2, 3, frontends=(PUBLIC,))
        await lab.healthy(3)
        answers = Counter([await lab.ask(PUBLIC) for _ in range(60)])
        names = {answer.split()[0] for answer in answers}
        clients = {answer.split()[1] for answer in answers}
        assert names == {"vm1", "vm2", "vm3"}
        assert len(clients) == 1
        assert clients.pop().startswith("100.")
        assert min(answers.values()) >= 6
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_translated_rule_reaches_the_backend_port(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.apply_network(network(rule(port=80, floating=False)))
        lab.serve(1, 2, 3)
        await lab.healthy(3)
        assert {(await lab.ask(PUBLIC, 80)).split()[0] for _ in range(40)} == {"vm1", "vm2", "vm3"}
        await lab.fabric.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("floating", [True, False])
def test_udp_follows_members_that_leave(lab: Lab, floating: bool) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        udp = rule(protocol="udp", port=UDP_PORT, backend_port=UDP_PORT, floating=floating)
        await lab.fabric.apply_network(network(udp))
        lab.serve(1, 2, 3, frontends=(PUBLIC,) if floating else ())
        await lab.healthy(3)
        with fresh_udp() as client:
            first = (await asyncio.to_thread(exchange, client, PUBLIC)).split()[0]
            assert (await asyncio.to_thread(exchange, client, PUBLIC)).split()[0] == first
            lab.healthy_file(first).unlink()
            await lab.healthy(2)
            second = (await asyncio.to_thread(exchange, client, PUBLIC)).split()[0]
            assert second != first
        await lab.fabric.apply_network(network())
        with fresh_udp(0.5) as client, pytest.raises(TimeoutError):
            await asyncio.to_thread(exchange, client, PUBLIC)
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_unhealthy_member_leaves_in_time_and_an_established_flow_stays(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.apply_network(network(rule(), rule("plain", port=80, floating=False)))
        lab.serve(1, 2, 3, frontends=(PUBLIC,))
        await lab.healthy(3)
        for port in (TCP_PORT, 80):
            kept = {}
            while set(kept) != {"vm1", "vm2", "vm3"}:
                reader, writer = await lab.connect(PUBLIC, port)
                name = (await lab.say(reader, writer)).split()[0]
                if name in kept:
                    writer.close()
                else:
                    kept[name] = reader, writer
            lab.healthy_file("vm2").unlink()
            taken = await lab.healthy(2)
            assert taken < HTTP_PROBE.threshold * HTTP_PROBE.interval + 2  # the host may be busy
            assert {(await lab.ask(PUBLIC, port)).split()[0] for _ in range(30)} == {"vm1", "vm3"}
            for name, streams in kept.items():
                assert (await lab.say(*streams)).startswith(f"{name} ")
            lab.healthy_file("vm2").touch()
            await lab.healthy(3)
            assert {(await lab.ask(PUBLIC, port)).split()[0] for _ in range(40)} == {"vm1", "vm2", "vm3"}
            for name, streams in kept.items():
                assert (await lab.say(*streams)).startswith(f"{name} ")
                streams[1].close()
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_source_affinity_keeps_a_client_on_one_member(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.apply_network(network(rule(affinity="SourceIP")))
        lab.serve(1, 2, 3, frontends=(PUBLIC,))
        await lab.healthy(3)
        chosen = {await lab.ask(PUBLIC) for _ in range(20)}
        assert len(chosen) == 1
        other = ({"vm1", "vm2", "vm3"} - {chosen.copy().pop().split()[0]}).pop()
        lab.healthy_file(other).unlink()
        await lab.healthy(2)
        assert {await lab.ask(PUBLIC) for _ in range(20)} == chosen
        await lab.fabric.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("floating", [True, False])
def test_internal_frontend_answers_neighbours_and_not_the_host(lab: Lab, floating: bool) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        inner = rule(frontend=INTERNAL, members=(1, 2), floating=floating)
        await lab.fabric.apply_network(network(inner, internal=(INTERNAL,)))
        lab.serve(1, 2, frontends=(INTERNAL,) if floating else ())
        await lab.healthy(2)
        answers = {await lab.ask(INTERNAL, space="vm3") for _ in range(30)}
        assert answers == {f"vm1 {address(3)}", f"vm2 {address(3)}"}
        lab.route_from_host(INTERNAL)
        assert await lab.unreachable(INTERNAL)
        await lab.fabric.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("floating", [True, False])
def test_member_reaches_itself_through_a_public_frontend(lab: Lab, floating: bool) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.apply_network(network(rule(members=(1,), floating=floating)))
        # With floating IP the answering program must not be reached by the loopback link, which would need no fabric.
        lab.serve(1)
        if floating:
            translation = f"type nat hook prerouting priority dstnat; ip daddr {PUBLIC} dnat to {address(1)}"
            lab.run(
                *("nsenter", f"--net=/run/netns/{lab.names.machine('vm1')}", "nft", "-f", "-"),
                stdin=f"table ip t {{ chain c {{ {translation}\n }}\n }}",
            )
        await lab.healthy(1)
        assert await lab.ask(PUBLIC, space="vm1") == f"vm1 {PUBLIC}"
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_frontend_that_a_node_sends_back_is_dropped(lab: Lab) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        slow = ProbePlan("tcp", TCP_PORT, "", 60, 2)
        await lab.fabric.apply_network(network(rule(members=(1,), probe=slow)))
        lab.serve(1)  # forwards packets to the frontend, as a node whose kube-proxy does not know it yet
        await lab.healthy(1)
        space = f"--net=/run/netns/{lab.names.machine('vm1')}"

        def received() -> int:
            shown = lab.run("nsenter", space, "cat", "/proc/net/dev")
            return int(next(line for line in shown.splitlines() if "eth0" in line).split()[2])

        before = received()
        assert await lab.unreachable(PUBLIC)
        assert received() - before < 15
        await lab.fabric.stop()

    asyncio.run(scenario())


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
