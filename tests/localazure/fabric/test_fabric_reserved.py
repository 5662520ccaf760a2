"""Addresses that the host itself uses stay as they are."""

from __future__ import annotations

from ipaddress import IPv4Address

from harness.localazure.fabric.reserved import reserved, spoken_with

HOSTS = """\
127.0.0.1 localhost  # 203.0.113.9 in a comment
# 203.0.113.8 old
203.0.113.80 mirror.example
::1 localhost
"""
RESOLVER = "search 198.51.100.7\nnameserver 198.51.100.53\nnameserver 192.0.2.1\n"


def test_mirror_and_resolver_of_the_host_are_never_allocated() -> None:
    assert reserved(HOSTS, RESOLVER) == {IPv4Address("203.0.113.80"), IPv4Address("198.51.100.53")}


def test_nothing_is_reserved_on_an_ordinary_host() -> None:
    assert reserved("127.0.0.1 localhost\n", "nameserver 10.0.0.2\n") == frozenset()


def test_whom_the_host_spoke_with_is_reserved_but_not_its_own_fabrics_addresses() -> None:
    metrics = [
        {"dst": "203.0.113.80", "source": "192.0.2.2"},
        {"dst": "198.51.100.47", "source": "100.95.16.170"},
        {"dst": "10.0.0.1", "source": "192.0.2.2"},
    ]
    assert spoken_with(metrics) == {IPv4Address("203.0.113.80")}
