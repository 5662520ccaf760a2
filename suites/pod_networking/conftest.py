"""One set of agnhost pods serves the whole suite: a pod on every node, twice, once in the pod network and once in the node's."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes.client import ApiClient

from harness.clusters.api import Cluster
from suites._lib.fixtures import workloads
from suites._lib.inside import failures
from suites._lib.mesh import Mesh, Meshes

__all__ = ["draw", "mesh", "meshes", "workloads"]


@pytest.fixture(scope="session")
def meshes() -> Iterator[Meshes]:
    """What this worker holds of the pods shared by all workers; let go at the end of its session."""
    held = Meshes(random.SystemRandom())
    yield held
    held.release()


@pytest.fixture
def mesh(cluster: Cluster, kube: ApiClient, meshes: Meshes) -> Mesh:
    """The pods, ready, and a Service in front of those of the pod network."""
    return meshes.of(cluster, kube)


@pytest.fixture
def draw(record_property: Callable[[str, object], None]) -> Callable[[dict[str, Any]], None]:
    """Put a matrix into the report, then fail if a cell of it did not work."""

    def check(found: dict[str, Any]) -> None:
        record_property("matrix", json.dumps(found))
        wrong = failures(found)
        assert not wrong, f"{len(wrong)} of {len(found['rows']) * len(found['columns'])} pairs failed:\n" + "\n".join(
            wrong
        )

    return check
