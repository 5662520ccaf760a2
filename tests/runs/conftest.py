"""A run with its own reports, state and file cloud, or local Azure's real server without machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from localazure.conftest import RunningServer
from recording_fabric import FakeFabric

from harness.runs.parts import Parts
from harness.settings import Settings, load

from .fakes import FileBuilder, FileCloud, FileDeployer
from .server_cloud import MachineDeployer, ServerCloud, image


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"reports": "reports", "state": "state", "cache": "cache", "deadline": "5m"}, {}, tmp_path)


@pytest.fixture
def parts() -> Parts:
    return Parts(
        deployer=lambda name: FileDeployer,
        cloud=lambda name: FileCloud,  # type: ignore[arg-type, return-value]
        builder=FileBuilder,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("azure")
    running = RunningServer(folder / "state", FakeFabric(folder))
    ServerCloud.server = running
    MachineDeployer.image = image(folder / "image")
    yield running
    running.stop()


@pytest.fixture
def azure(server: RunningServer, parts: Parts) -> Iterator[Parts]:
    yield replace(parts, cloud=lambda name: ServerCloud, deployer=lambda name: MachineDeployer)  # type: ignore[arg-type, return-value]
    server.ok("DELETE", "/localazure/faults")
    server.ok("POST", "/localazure/config", {"quota": {}, "secret_expires": 0})
