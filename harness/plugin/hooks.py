"""Hooks that this plugin adds to pytest's."""

from __future__ import annotations

import pytest

from harness.runs.parts import Parts


@pytest.hookspec(firstresult=True)
def pytest_harness_parts(config: pytest.Config) -> Parts | None:
    """The rooms a run is made with (clouds, deployers, builder), instead of those found by entry points."""
