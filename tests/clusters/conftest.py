"""An API server for tests that read from a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clusters.api import Cluster, Node

from .api_server import ApiServer, serving


@pytest.fixture
def api_server() -> Iterator[ApiServer]:
    with serving() as told:
        yield told


@pytest.fixture
def cluster(tmp_path: Path, api_server: ApiServer) -> Cluster:
    return Cluster(
        run="r", cell="c", version="v1.37.2", cloud="local", location="westeurope", group="rg", server=api_server.url,
        kubeconfig=api_server.kubeconfig(tmp_path / "kubeconfig"), build=tmp_path,
        nodes=(Node("cp-0", "10.0.0.4", "control-plane"), Node("w-0", "10.0.0.5", "worker")),
        pod_cidr="", service_cidr="", network="", subnet="", route_table="", security_group="",
    )  # fmt: skip
