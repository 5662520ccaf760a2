"""The controller's side of pytest-xdist: what workers are told, and which of them runs what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from harness.errors import Outcome
from harness.plugin.context import Context
from harness.plugin.facts import FILE, ItemFacts, read_planned
from harness.plugin.lanes import Lane
from harness.plugin.limits import Limits
from harness.plugin.recording import Recorder, mark_crash
from harness.plugin.scheduler import SuiteScheduling
from harness.runs.lifecycle import Lifecycle

INTERRUPTED = "keyboard-interrupt"
"""What xdist calls the end of a worker that was stopped by a signal (``DSession.worker_workerfinished``)."""


class Distribution:
    """xdist's hooks; xdist may be missing.

    :param collected: called when a worker has found something to run.
    :param recorder: knows what is to be repeated.
    :param capacity: how many tests a lane carries now.
    :param lifecycle: knows which cells wait for others to leave, and is told of those that nobody needs.
    :param finished: called when a cell's last test has run, and others go on.
    """

    def __init__(
        self,
        config: pytest.Config,
        context: Context,
        limits: Limits,
        collected: Callable[[], None],
        recorder: Recorder,
        capacity: Callable[[Lane], int],
        lifecycle: Lifecycle,
        finished: Callable[[str], None],
    ) -> None:
        self._config = config
        self._context = context
        self._limits = limits
        self._collected = collected
        self._recorder = recorder
        self._capacity = capacity
        self._lifecycle = lifecycle
        self._finished = finished
        self._interrupted: set[str] = set()
        self.workers: dict[str, int] = {}
        """Name -> process id of those that run."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["harness"] = self._context.to_json()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        self.workers[node.gateway.id] = int(node.gateway._rinfo().pid)  # xdist has asked for it already

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self.workers.pop(node.gateway.id, None)
        if error == INTERRUPTED:
            self._interrupted.add(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        if ids:
            self._collected()

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport, sched: Any) -> None:
        """xdist calls this before it reports the crash, which is when it is known whether the test may run again."""
        interrupted = getattr(report, "node", None) is not None and report.node.gateway.id in self._interrupted
        mark_crash(report, Outcome.ABORTED if interrupted else Outcome.HARNESS)
        if interrupted:
            return
        if self._recorder.may_repeat_crash(crashitem):
            sched.mark_test_pending(crashitem)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> SuiteScheduling:
        from xdist.workermanage import parse_tx_spec_config

        workers = len(parse_tx_spec_config(config))
        return SuiteScheduling(
            workers,
            self._planned,
            self._limits,
            self._differ,
            clusters={cell.name: len(cell.clusters) for cell in self._context.cells},
            again=self._recorder.take_again,
            capacity=self._capacity,
            admitted=self._lifecycle.admitted,
            finished=self._finished,
            abreast=self._lifecycle.abreast,
        )

    def _planned(self) -> Mapping[str, ItemFacts]:
        known = read_planned(self._context.run_folder().path / FILE)
        for cell in {cell.name for cell in self._context.cells} - {fact.cell for fact in known.values()}:
            self._lifecycle.unused(cell)
        return known

    def _differ(self, node: Any, expected: Sequence[str], collection: Sequence[str]) -> None:
        """Two workers collected different tests: an error, as xdist reports it."""
        from xdist.report import report_collection_diff

        text = report_collection_diff(expected, collection, "the first worker", node.gateway.id)
        report = pytest.CollectReport(nodeid=node.gateway.id, outcome="failed", longrepr=text, result=[])
        self._config.hook.pytest_collectreport(report=report)
