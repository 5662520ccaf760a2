"""What the process that runs a test remembers of its failure: its namespace is then left to the controller, which reads it first."""

from __future__ import annotations

from collections.abc import Generator

import pytest

NAMESPACE = "namespace"
"""Property of a test that names its namespace."""

_FAILED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note a failure of any phase."""
    report = yield
    item.stash[_FAILED] = report.failed or (report.when != "setup" and item.stash.get(_FAILED, False))
    return report


def has_failed(item: pytest.Item) -> bool:
    """Whether a phase of this attempt has failed so far."""
    return item.stash.get(_FAILED, False)
