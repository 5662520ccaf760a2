"""What pytest collects under ``suites/``: the chosen suites, upstream specs by ``specs.yaml``, and Python tests once for each cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.ginkgo.durations import FILE as DURATIONS
from harness.ginkgo.durations import observed, shipped
from harness.plugin.context import Context, context_of
from harness.plugin.facts import FILE, facts_of, write_planned
from harness.plugin.items import SpecsFile
from harness.plugin.resuming import leave_out_finished
from harness.plugin.suites import is_selection

_TABLE: pytest.StashKey[dict[str, float]] = pytest.StashKey()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the suites that --suite does not name."""
    context = context_of(config)
    return None if context is None or context.wants(collection_path) else True


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A ``specs.yaml`` is a file of tests."""
    context = context_of(parent.config)
    if context is None or not is_selection(file_path) or not context.suite_of(file_path):
        return None
    file: SpecsFile = SpecsFile.from_parent(parent, path=file_path)
    file.context, file.table = context, _table(parent.config, context)
    return file


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With several cells, a test that uses a cluster runs on each."""
    context = context_of(metafunc.config)
    if context is not None and len(context.cells) > 1 and "cluster" in metafunc.fixturenames:
        suite = context.suite_of(metafunc.definition.path)
        cells = [cell.name for cell in context.cells if cell.runs(suite)]
        metafunc.parametrize("cluster", cells, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Write down what is going to run, before xdist tells the controller."""
    context = context_of(session.config)
    if context is None or context.folder is None or not session.items:
        return
    table = _table(session.config, context)
    facts = [facts_of(item, context, table) for item in session.items if context.suite_of(item.path)]
    write_planned(context.folder.path / FILE, facts)
    leave_out_finished(session, context)


def _table(config: pytest.Config, context: Context) -> dict[str, float]:
    """Expected seconds; what was seen on this machine goes before what was shipped."""
    if _TABLE not in config.stash:
        config.stash[_TABLE] = shipped() | observed(context.settings.cache / DURATIONS)
    return config.stash[_TABLE]
