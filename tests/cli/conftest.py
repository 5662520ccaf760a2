"""A project of its own for every test, and a local Azure for those whose runs stop on the way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "localazure"))  # recording_fabric
sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))  # fakes

import recording_fabric

from harness.clouds.server import LocalServer
from harness.settings import load

from .killing import Staged
from .project import Project
from .staged import FABRIC, StagedCloud


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    created = Project.create(tmp_path)
    yield created
    created.end()


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A local Azure that all cells of this process share, as runs of a host do."""
    folder = tmp_path_factory.mktemp("azure")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(recording_fabric.__file__).parent))
        settings = load({"state": str(folder)}, {}, folder)
        server = LocalServer(folder / "localazure", arguments=FABRIC)
        with StagedCloud(settings):
            server.hold(kept=True)
        yield folder
        server.release_kept()
        with StagedCloud(settings) as cloud:  # the last one to let go stops the server, when nothing is left
            for group in cloud.groups({}):
                cloud.delete_group(group.name, datetime.now(UTC) + timedelta(seconds=60))


@pytest.fixture
def staged(tmp_path: Path, state: Path) -> Iterator[Staged]:
    made = Staged(tmp_path, state)
    yield made
    made.end()
