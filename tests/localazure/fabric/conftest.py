"""The laboratory of the fabric's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fabric_lab import Lab
from machine_lab import managed_image


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if os.geteuid():
        pytest.skip("needs root")
    laboratory = Lab(tmp_path)
    yield laboratory
    laboratory.close()


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return managed_image(tmp_path_factory.mktemp("image"))
