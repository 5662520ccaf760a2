"""On which ports of the nodes the shared Service listens."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from kubernetes.client import ApiException

from suites._lib.mesh import Meshes


class Made:
    """What is used of ``Workloads``; the first ``refused`` node ports that are asked for are taken."""

    def __init__(self, refused: int, status: int = 422) -> None:
        self._refused = refused
        self._status = status
        self.asked: list[list[int | None]] = []

    def service(self, name: str, app: str, ports: Sequence[Mapping[str, Any]], **spec: Any) -> None:
        self.asked.append([port.get("nodePort") for port in ports])
        if len(self.asked) <= self._refused:
            raise ApiException(status=self._status)


def front(made: Made) -> list[int | None]:
    """Node ports with which the Service was made."""
    Meshes(random.Random(1))._front(made)  # type: ignore[arg-type]
    return made.asked[-1]


def test_it_asks_for_a_port_that_the_api_server_gives_to_nobody_by_itself() -> None:
    tcp, udp = front(Made(0))
    assert tcp == udp
    assert tcp in range(30000, 30086)


def test_a_port_that_is_taken_is_left_to_who_has_it() -> None:
    made = Made(3)
    front(made)
    assert len({port for port, _ in made.asked}) == 4


def test_a_cluster_with_other_node_ports_gives_one_of_its_own() -> None:
    assert front(Made(8)) == [None, None]


def test_other_errors_are_the_tests() -> None:
    made = Made(1, status=403)
    with pytest.raises(ApiException):
        front(made)
    assert len(made.asked) == 1
