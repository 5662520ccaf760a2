"""A project of its own for every test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "localazure"))  # recording_fabric
sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))  # fakes

from .project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    created = Project.create(tmp_path)
    yield created
    created.end()
