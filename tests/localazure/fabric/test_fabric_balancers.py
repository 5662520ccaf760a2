"""Load balancers with real packets."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from ipaddress import IPv4Address

import pytest
from fabric_lab import (
    HTTP_PROBE,
    INTERNAL,
    PATIENCE,
    PUBLIC,
    TCP_PORT,
    UDP_PORT,
    Lab,
    address,
    network,
    rule,
)

from harness.localazure.fabric.api import ProbePlan

pytestmark = pytest.mark.root


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
