"""The laboratory of the fabric's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fabric_lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if os.geteuid():
        pytest.skip("needs root")
    laboratory = Lab(tmp_path)
    yield laboratory
    laboratory.close()
