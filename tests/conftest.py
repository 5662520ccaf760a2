"""Tests that need root are skipped, with that reason, for everybody else; properties have no clock."""

from __future__ import annotations

import os

import hypothesis
import pytest

pytest_plugins = ("pytester",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root") or item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


# properties are about what is computed, not how fast: hosts are shared, and benchmarks take the time
hypothesis.settings.register_profile("project", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("project")
