"""Runs one item: waits for its cluster, takes the lease, and attaches to its reports what the run records.

Hooks of this module act in the processes that run tests: xdist's workers, or the only process.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.api import Cluster
from harness.errors import HarnessError, Outcome
from harness.ginkgo.api import SpecResult
from harness.ginkgo.process import Program, SpecRunner
from harness.plugin.context import Context, context_of
from harness.plugin.cutting import CUT
from harness.plugin.facts import cell_of
from harness.plugin.failing import CLUSTER, noted
from harness.plugin.items import SpecFailedError, SpecItem
from harness.plugin.leases import lease
from harness.plugin.loop import LANE
from harness.plugin.namespaces import Namespaces
from harness.plugin.suites import Suite
from harness.plugin.timeouts import SuiteEnd, SuiteOverError, begin
from harness.plugin.unread import note
from harness.runs.awaiting import wait_for_cluster
from harness.runs.holdings import Record
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts

_DATA = "harness"
_OURS = (HarnessError, SpecFailedError, SuiteOverError)
"""Failures that say their outcome."""


@dataclass
class TestProcess:
    """What this process keeps from test to test: clusters it has found, and one e2e.test for each."""

    __test__ = False

    context: Context
    worker: str
    closing: defaultdict[str, ExitStack] = field(default_factory=lambda: defaultdict(lambda: ExitStack()))
    """By cluster: closed when its cell is let go, or when the process has run its last test."""
    namespaces: dict[str, Namespaces] = field(default_factory=dict)
    """By cell."""
    _clusters: dict[str, Cluster] = field(default_factory=dict)
    _failures: dict[str, HarnessError] = field(default_factory=dict)
    _runners: dict[str, SpecRunner] = field(default_factory=dict)
    _suites: dict[str, Suite] = field(default_factory=dict)

    def place(self, cell: str, lane: int) -> str:
        """Name of the cluster on which a test of this cell runs: a further one that did not come up is replaced by the cell's own."""
        name = self.context.cell(cell).clusters[lane]
        if lane == 0:
            return name
        try:
            self.cluster(name)
        except HarnessError:  # in the ledger, and a red case of its own
            return self.context.cell(cell).clusters[0]
        return name

    def cluster(self, cell: str) -> Cluster:
        """A cluster, waited for; raises the ``HarnessError`` with which it failed, at once the second time."""
        if cell in self._failures:
            raise self._failures[cell]
        if cell not in self._clusters:
            try:
                folder = self.context.run_folder().path
                self._clusters[cell] = wait_for_cluster(folder, cell, self.context.until)
            except HarnessError as error:
                self._failures[cell] = error
                raise
        return self._clusters[cell]

    def warm_up(self, item: SpecItem) -> None:
        """Start e2e.test while the cluster comes up, where its kubeconfig is going to be.

        Not for a serial spec: the process of such a one asks the cluster before it waits for orders.
        """
        name = item.cell.clusters[item.stash.get(LANE, 0)]
        if item.cell.build and not item.spec.serial and name not in self._clusters and name not in self._runners:
            kubeconfig = self.context.run_folder().cell(name).path / "kubeconfig"
            self._runner(name, item.cell.build, kubeconfig, self.context.settings.workers).start(early=True)

    def expect(self, item: SpecItem) -> None:
        """This item is going to be the next."""
        name = item.cell.clusters[item.stash.get(LANE, 0)]
        if name in self._clusters and name in self._runners:
            self._runners[name].expect(item.spec)

    def run_spec(self, item: SpecItem) -> SpecResult:
        """Run one upstream spec on the cluster that it was given."""
        name = self.place(item.cell.name, item.stash.get(LANE, 0))
        cluster = self.cluster(name)
        runner = self._runner(name, cluster.build, cluster.kubeconfig, len(cluster.workers))
        limit, over = min(item.timeout, self.context.deadline - time.time()), None
        end = self.suite_end(item, item.cell.name)
        if end and end.at - time.time() < limit:
            limit, over = end.at - time.time(), end.error
        result = runner.run(item.spec, max(1.0, limit))
        cut = over is not None and result.state == "timedout"
        return replace(result, state="interrupted", message=str(over)) if cut else result

    def let_go(self, cell: str) -> None:
        """The cell is going to be taken down: end what runs on its clusters, and see its namespaces gone."""
        names = self.context.cell(cell).clusters
        for name in names:
            self._runners.pop(name, None)
        self.namespaces.pop(cell, None)
        self._close(names)

    def close(self) -> None:
        """The process has run its last test."""
        self._close(list(self.closing))

    def _close(self, clusters: Sequence[str]) -> None:
        with ExitStack() as stacks:
            for name in clusters:
                if name in self.closing:
                    stacks.push(self.closing.pop(name))

    def suite_end(self, item: pytest.Item, cell: str) -> SuiteEnd | None:
        """The end of the item's suite on this cell, whose time begins now if it has not yet; None if it has no timeout."""
        name = self.context.suite_of(item.path)
        if name not in self._suites:
            self._suites[name] = Suite.load(self.context.suites_root / name)
        return begin(self.context.run_folder(), cell, self._suites[name])

    def _runner(self, cell: str, build: Path, kubeconfig: Path, nodes: int) -> SpecRunner:
        log = self.context.run_folder().cell(cell).logs / f"e2e-{self.worker}.log"
        program = Program(build / "bin" / "e2e.test", kubeconfig, build / "bin" / "kubectl", nodes, log)
        runner = self._runners.get(cell)
        if runner is None or runner.program != program:
            scratch = self.context.run_folder().make_scratch()
            self._runners[cell] = SpecRunner(program, {**os.environ, "TMPDIR": str(scratch)})
            self.closing[cell].callback(self._runners[cell].close)
            if runner is not None:
                runner.close()
        return self._runners[cell]


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
    unread: str = ""
    """File that says so of its failure, from the first phase that failed on."""


PROCESS: pytest.StashKey[TestProcess] = pytest.StashKey()
_TIMING: pytest.StashKey[_Timing] = pytest.StashKey()


def process_of(config: pytest.Config) -> TestProcess:
    """This process's state; made at the first call."""
    if PROCESS not in config.stash:
        context = context_of(config)
        assert context is not None, "tests under suites/ are collected only within a run"
        worker = getattr(config, "workerinput", {}).get("workerid", "main")
        config.stash[PROCESS] = TestProcess(context, worker)
    return config.stash[PROCESS]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Start the clock, and what the next item can have ready."""
    if context_of(item.config) is not None:
        item.stash[_TIMING] = _Timing(time.perf_counter(), time.time())
        if isinstance(nextitem, SpecItem) and not (isinstance(item, SpecItem) and "Disruptive" in item.spec.labels):
            process_of(item.config).expect(nextitem)
    return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wait for the cluster and lease it; runs after skip marks are evaluated and before fixtures."""
    context, timing = context_of(item.config), item.stash.get(_TIMING, None)
    if context is None or timing is None or not (cell := cell_of(item, context)):
        return
    began, process = time.perf_counter(), process_of(item.config)
    try:
        if isinstance(item, SpecItem):
            process.warm_up(item)
        name = process.place(cell, item.stash.get(LANE, 0))
        process.cluster(name)
    except HarnessError as error:
        pytest.skip(f"{cell} did not come up: {error}")
    timing.waited = time.perf_counter() - began
    if end := process.suite_end(item, cell):
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
            worker=process_of(item.config).worker,
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
        if timing.record and not timing.unread:
            timing.unread = str(note(timing.record.leases))
            data["unread"] = timing.unread
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
    if PROCESS in session.config.stash:
        session.config.stash[PROCESS].close()


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
