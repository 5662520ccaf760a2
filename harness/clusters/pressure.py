"""How hard-pressed a cluster is: how fast its API server answers, and what its nodes complain of.

Tests slow each other down long before they break each other; the API server's answer is where it shows first, whatever is short
(processors, disk, etcd), on machines that cannot be looked into as on those that can.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from harness.clusters.kube import UNREACHABLE, describe, items, limits

_BAD = ("MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True)
class Pressure:
    """One look at a cluster."""

    seconds: float
    """Until the API server had answered."""
    complaints: tuple[str, ...]
    """Conditions of nodes that are under pressure; why the API server did not answer."""


def measure(api: client.ApiClient) -> Pressure:
    """Ask for the nodes, and take the time; a node's readiness is not looked at, since tests stop nodes on purpose."""
    began = time.monotonic()
    try:
        nodes = items(client.CoreV1Api(api).list_node)
    except UNREACHABLE as error:
        return Pressure(max(sum(limits()), time.monotonic() - began), (f"API server: {describe(error)}",))
    return Pressure(time.monotonic() - began, tuple(complaints(nodes)))


def complaints(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """``<node>: MemoryPressure``, and so on."""
    for node in nodes:
        for condition in node.get("status", {}).get("conditions", ()):
            if condition["type"] in _BAD and condition["status"] == "True":
                yield f"{node['metadata']['name']}: {condition['type']}"
