"""What the process that runs a test remembers of its failure: its namespace is then left to the controller, which reads it first."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

NAMESPACE = "namespace"
"""Property of a test that names its namespace."""
CLUSTER = "cluster"
"""Property of a test that names its cluster, where that is a further one of its cell."""

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


@contextmanager
def noted(item: pytest.Item, name: str, value: str) -> Iterator[None]:
    """Have a property in the reports of this attempt; the item may be repeated."""
    pair: tuple[str, object] = (name, value)
    item.user_properties.append(pair)
    try:
        yield
    finally:
        item.user_properties.remove(pair)
