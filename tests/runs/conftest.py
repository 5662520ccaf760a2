"""A run with its own reports, state and file cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.runs.parts import Parts
from harness.settings import Settings, load

from .fakes import FileBuilder, FileCloud, FileDeployer


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
