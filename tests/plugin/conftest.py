"""A project with suites of its own for every test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from .project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path)
