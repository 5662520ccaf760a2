"""Runs one item: waits for its cluster, takes the lease, and attaches to its reports what the run records.

Hooks of this module act in the processes that run tests: xdist's workers, or the only process.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.errors import HarnessError, Outcome
from harness.plugin.context import context_of
from harness.plugin.cutting import CUT
from harness.plugin.facts import cell_of
from harness.plugin.failing import CLUSTER, noted
from harness.plugin.items import SpecFailedError, SpecItem
from harness.plugin.leases import lease
from harness.plugin.process import LANE, end_process, process_of
from harness.plugin.timeouts import SuiteOverError
from harness.plugin.unread import note
from harness.runs.holdings import Record
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts

_DATA = "harness"
_OURS = (HarnessError, SpecFailedError, SuiteOverError)
"""Failures that say their outcome."""


@dataclass
class _Timing:
    """Of the item that runs now."""

    began: float
    """``time.perf_counter`` when pytest began with it."""
    started: float
    """Unix time; of a test that uses a cluster, when it had it."""
    waited: float = 0.0
    """Seconds until the cluster was up."""
    seconds: float = 0.0
    """The test's own."""
    stack: ExitStack = field(default_factory=ExitStack)
    record: Record | None = None
    """Its lease."""
    noted: bool = False
    """Whether its failure is noted as unread: it is in the first phase that failed."""


_TIMING: pytest.StashKey[_Timing] = pytest.StashKey()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Start the clock, and what the next item can have ready."""
    if context_of(item.config) is not None:
        item.stash[_TIMING] = _Timing(time.perf_counter(), time.time())
        if isinstance(nextitem, SpecItem) and not (isinstance(item, SpecItem) and "Disruptive" in item.spec.labels):
            process_of(item.config).expect(nextitem.cell, nextitem.stash.get(LANE, 0), nextitem.spec)
    return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wait for the cluster and lease it; runs after skip marks are evaluated and before fixtures."""
    context, timing = context_of(item.config), item.stash.get(_TIMING, None)
    if context is None or timing is None or not (cell := cell_of(item, context)):
        return
    began, process, lane = time.perf_counter(), process_of(item.config), item.stash.get(LANE, 0)
    try:
        if isinstance(item, SpecItem):
            process.warm_up(item.cell, lane, item.spec)
        name = process.place(cell, lane)
        process.cluster(name)
    except HarnessError as error:
        pytest.skip(f"{cell} did not come up: {error}")
    timing.waited = time.perf_counter() - began
    if end := process.suite_end(context.suite_of(item.path), cell):
        if end.at <= time.time():
            raise end.error
        if not isinstance(item, SpecItem):  # the process that runs specs stops one in time, and lets it clean up
            item.stash[CUT].arm(end.at, end.error)
    exclusive = item.exclusive if isinstance(item, SpecItem) else item.get_closest_marker("exclusive") is not None
    timing.record = timing.stack.enter_context(
        lease(
            context.run_folder().cell(name).leases,
            exclusive=exclusive,
            deadline=context.until,
            worker=process.worker,
            test=item.nodeid,
            clean=lambda: _clean(item.config, name),
        )
    )
    if name != cell:
        timing.stack.enter_context(noted(item, CLUSTER, name))
    timing.started = time.time()


def _clean(config: pytest.Config, name: str) -> None:
    """Remove from a cluster that nobody else uses what killed tests left there."""
    process = process_of(config)
    folder = process.context.run_folder()
    if folder.cell(name).baseline.exists():
        from harness.runs.cells import restore_cluster

        parts: Parts = config.hook.pytest_harness_parts(config=config) or Parts()
        with parts.cloud(process.cluster(name).cloud)(process.context.settings) as cloud:
            restore_cluster(cloud, folder, name, alone=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Drop the lease when the fixtures are gone."""
    try:
        return (yield)
    finally:
        if _TIMING in item.stash:
            item.stash[_TIMING].stack.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach plain data for the recorder; it travels with the report from worker to controller."""
    report = yield
    timing = item.stash.get(_TIMING, None)
    if timing is None:
        return report
    result = item.result if isinstance(item, SpecItem) else None
    if result and result.state == "lost" and timing.record:
        timing.record.cut_off()
    if call.when == "call":
        timing.seconds = result.seconds if result else call.duration
    data: dict[str, Any] = {
        "started": timing.started,
        "seconds": timing.seconds,
        "overhead": max(0.0, time.perf_counter() - timing.began - timing.seconds - timing.waited),
    }
    if call.excinfo is not None and report.failed:
        if timing.record and not timing.noted:
            timing.noted = True
            data["unread"] = str(note(timing.record.leases))
        data["outcome"] = _outcome(call.excinfo.value)
        data["message"] = _first_line(call.excinfo)
    if result and call.when == "call":
        data["steps"] = [[step.text, step.at] for step in result.steps]
        data["location"] = result.location
        data["stdout"] = result.output
    attach(report, data)
    return report


def let_go(session: pytest.Session, cell: str) -> None:
    """Between two tests: drop what this process holds of a cell, so that it can be taken down while other cells go on.

    Fixtures above a test's own level end, those of other cells too, which are made again when somebody asks.
    """
    process = process_of(session.config)
    try:
        session._setupstate.teardown_exact(None)
        process.let_go(cell)
    except Exception as error:  # of no test, and the cell goes all the same
        text = f"letting go: {type(error).__name__}: {error}"
        Ledger(process.context.run_folder().ledger).append("progress", cell, text=text)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what this process kept from test to test."""
    end_process(session.config)


def attach(report: pytest.TestReport, data: dict[str, Any]) -> None:
    """Give a report plain data; pytest keeps unknown attributes when it sends a report to another process."""
    vars(report)[_DATA] = data


def data_of(report: pytest.TestReport) -> dict[str, Any]:
    """What :func:`attach` gave it; empty for a report made elsewhere."""
    found = getattr(report, _DATA, {})
    return found if isinstance(found, dict) else {}


def _outcome(error: BaseException) -> str:
    return str(error.outcome) if isinstance(error, _OURS) else str(Outcome.FAILED)


def _first_line(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(excinfo.value) if isinstance(excinfo.value, _OURS) else excinfo.exconly()
    return text.strip().partition("\n")[0]
