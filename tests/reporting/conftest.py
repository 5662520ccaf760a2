"""A folder of runs of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from .days import Reports


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports")
