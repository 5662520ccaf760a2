"""The pure parts: names, packet rules, forgotten flows, wiring, probe states, images. No root, no network."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from fabric_lab import INTERNAL, PUBLIC, SUBNET, address, network, nic, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import CloudError
from harness.localazure.fabric import balancer, flows, security, wiring
from harness.localazure.fabric.api import ProbePlan, RoutePlan, RulePlan, SecurityRulePlan
from harness.localazure.fabric.cgroups import _own_options
from harness.localazure.fabric.images import Image
from harness.localazure.fabric.names import Names
from harness.localazure.fabric.probes import FIRST, Health, Prober, Target

ALL = frozenset(map(address, (1, 2, 3)))
ADDRESSES = st.integers(1, 60).map(address)


def test_names_of_two_states_differ_and_links_are_short_enough() -> None:
    one, other = Names(Path("/a/state")), Names(Path("/b/state"))
    assert one.prefix != other.prefix
    assert len(one.uplink("abcdefghij")) == 15
    assert len("n" + "abcdefghij") <= 15
    assert one.machine_key(one.machine("k1")) == "k1"
    assert one.machine_key(other.machine("k1")) is None
    assert one.machine_key(one.network("k1")) is None
    assert one.network_key(one.network("k1")) == "k1"


@settings(deadline=None)  # a busy host is no failure
@given(st.sets(ADDRESSES, min_size=2, max_size=12))
def test_a_member_that_leaves_moves_only_its_own_buckets(members: set[IPv4Address]) -> None:
    before = balancer.buckets(tuple(sorted(members)))
    gone = min(members)
    after = balancer.buckets(tuple(sorted(members - {gone})))
    assert all(old in (new, gone) for old, new in zip(before, after, strict=True))


def test_buckets_are_shared_evenly_enough() -> None:
    shares = balancer.buckets(tuple(sorted(ALL)))
    assert all(shares.count(member) > balancer.BUCKETS / 5 for member in ALL)


def script(*rules: RulePlan, **parts: object) -> str:
    plan = network(*rules, **parts)  # type: ignore[arg-type]
    return balancer.script(plan, {item.key: ALL for item in rules})


def test_script_replaces_the_table_at_once() -> None:
    lines = script(rule()).splitlines()
    assert lines[:3] == ["table ip fabric", "delete table ip fabric", "table ip fabric {"]


def test_floating_rule_translates_nothing_and_the_other_its_port() -> None:
    assert "dnat" not in script(rule())
    translated = script(rule(floating=False, port=80, backend_port=30080))
    assert f"meta l4proto tcp meta mark {balancer.mark_of(address(1))} dnat to {address(1)}:30080" in translated


def test_rule_without_healthy_members_drops() -> None:
    plan = network(rule())
    assert "chain rule0 {\ndrop\n}" in balancer.script(plan, {"web": frozenset()})
    assert "chain rule0 {\ndrop\n}" in balancer.script(plan, {})


def test_member_without_a_nic_gets_nothing() -> None:
    text = script(rule(members=(1, 9)))
    assert balancer.mark_of(address(9)) not in text
    assert balancer.mark_of(address(1)) in text


def test_affinity_decides_what_is_hashed() -> None:
    assert "jhash ip saddr . ip daddr . th sport . th dport mod" in script(rule())
    assert "jhash ip saddr . ip daddr mod" in script(rule(affinity="SourceIP"))
    assert "jhash ip saddr . ip daddr . ip protocol mod" in script(rule(affinity="SourceIPProtocol"))


def test_rule_for_all_ports_comes_after_those_for_one() -> None:
    ports = rule("all", frontend=INTERNAL, protocol="all", port=0, backend_port=0)
    text = script(ports, rule(frontend=INTERNAL), internal=(INTERNAL,))
    assert text.index("ip daddr . ip protocol . th dport vmap") < text.index(
        f"ip daddr vmap {{ {INTERNAL} : goto rule0"
    )


def test_frontends_accept_only_sources_that_are_the_nics_own() -> None:
    routed = RoutePlan(IPv4Network("10.244.1.0/24"), address(1))
    plan = network(rule(), routes=(routed,))
    assert balancer.owned(plan, plan.nics[0]) == ["10.0.0.4-10.0.0.4", "10.244.1.0-10.244.1.255"]
    everything = replace(plan, routes=(RoutePlan(IPv4Network("0.0.0.0/0"), address(1)),))
    assert balancer.owned(everything, plan.nics[0]) == ["0.0.0.0-255.255.255.255"]


def security_rule(**parts: object) -> SecurityRulePlan:
    plain = SecurityRulePlan("r", True, "tcp", (), (), ((80, 80),))
    return replace(plain, **parts)  # type: ignore[arg-type]


def test_security_rules_merge_what_nft_would_refuse_as_overlapping() -> None:
    nets = (IPv4Network("10.0.0.0/8"), IPv4Network("10.1.0.0/16"), IPv4Network("192.0.2.0/24"))
    crowded = security_rule(
        sources=nets, ports=((80, 90), (85, 100), (101, 101), (443, 443)), protocol="*", allow=False
    )
    text = "\n".join(security.chains(network(nics=(nic(1, security=(crowded,)),))))
    assert "ip saddr { 10.0.0.0/8, 192.0.2.0/24 } meta l4proto { tcp, udp } th dport { 80-101, 443 } drop" in text


def test_nic_without_security_rules_is_open() -> None:
    assert "goto nic" not in "\n".join(security.chains(network()))


def test_flows_are_forgotten_as_azure_does() -> None:
    udp = rule("dns", protocol="udp", port=53)
    before = network(rule(), udp, rule("old", port=81))
    health = dict.fromkeys(("web", "dns", "old"), ALL)
    after = network(rule(), udp)
    shrunk = {"web": ALL - {address(2)}, "dns": ALL - {address(2)}}
    gone = flows.forgotten(before, health, after, shrunk)
    assert ["-D", "-p", "tcp", "--orig-dst", str(PUBLIC), "--orig-port-dst", "81"] in gone
    mark = balancer.mark_of(address(2))
    assert ["-D", "-p", "udp", "--orig-dst", str(PUBLIC), "--orig-port-dst", "53", "-m", mark] in gone
    assert len(gone) == 2  # the TCP flows of the member that left stay
    assert flows.forgotten(after, shrunk, after, shrunk) == []


def test_route_to_a_hop_that_is_no_nic_drops() -> None:
    plan = network(routes=(RoutePlan(IPv4Network("10.9.0.0/16"), IPv4Address("10.0.9.9")), RoutePlan(SUBNET, None)))
    wanted = wiring.wiring(plan, {item.key: "m" for item in plan.nics})
    assert wiring.Route(wiring.MAIN, "10.9.0.0/16") in wanted.routes
    assert wiring.Route(wiring.MAIN, "10.0.0.0/16") in wanted.routes
    assert (
        wiring.Route(wiring.MAIN, "10.9.0.0/16").line("replace")
        == "route replace unreachable 10.9.0.0/16 table 254 proto 122\n"
    )


def test_probe_states() -> None:
    health = Health(threshold=2, up=False)
    assert health.result(True)  # the first success of a new member counts at once
    assert not health.result(False)
    assert not health.result(True)
    assert not health.result(False)
    assert health.result(False)
    assert not health.up
    assert not health.result(True)
    assert health.result(True)
    known = Health(threshold=2, up=True)
    assert not known.result(False)
    assert known.result(False)


class Watch:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.enough = asyncio.Event()

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if len(self.pauses) > 200:
            self.enough.set()
            await asyncio.Event().wait()


def test_member_that_never_answered_is_asked_often_at_first() -> None:
    async def scenario() -> list[float]:
        watch = Watch()
        prober = Prober("no-such-namespace", lambda: None, watch)
        prober.aim([Target(address(1), ProbePlan("tcp", 1, "", 5, 2))], lambda target: False)
        await watch.enough.wait()
        await prober.close()
        return watch.pauses

    pauses = asyncio.run(scenario())
    assert pauses[0] == FIRST
    assert max(pauses) == 5
    assert sum(pause <= FIRST for pause in pauses) >= 10


def test_image_must_be_complete(tmp_path: Path) -> None:
    file = tmp_path / "image.json"
    good = {"layers": [str(tmp_path)], "seeds": {}, "copied": [], "volumes": ["var/lib/kubelet"], "registry": "/r"}
    for wrong, message in (
        ("{", "JSONDecodeError"),
        (json.dumps({**good, "layers": ["/nowhere"]}), "missing folders: /nowhere"),
        (json.dumps({**good, "layers": []}), "no layers"),
        (json.dumps({key: value for key, value in good.items() if key != "seeds"}), "seeds"),
    ):
        file.write_text(wrong)
        with pytest.raises(CloudError, match=message):
            Image.read(tmp_path)
    file.write_text(json.dumps(good))
    assert Image.read(tmp_path).volumes == ("var/lib/kubelet",)


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ("rw,relatime,cpu,cpuacct", "cpu,cpuacct"),
        ("rw,nosuid,nodev,noexec,relatime,xattr,name=systemd", "none,name=systemd"),
        ("rw,memory", "memory"),
    ],
)
def test_options_that_name_a_hierarchy(options: str, own: str) -> None:
    assert _own_options(options) == own
