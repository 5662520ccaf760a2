"""What a process that runs tests keeps from one to the next: the clusters it has found, an e2e.test for each, and what is to be closed."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from harness.clusters.api import Cluster
from harness.errors import HarnessError
from harness.ginkgo.api import Spec, SpecResult
from harness.ginkgo.process import Program, SpecRunner
from harness.plugin.context import CellView, Context, context_of
from harness.plugin.suites import Suite
from harness.plugin.timeouts import SuiteEnd, begin
from harness.runs.awaiting import wait_for_cluster

LANE: pytest.StashKey[int] = pytest.StashKey()
"""Number of the cluster on which an item is to run."""
T = TypeVar("T")


@dataclass
class TestProcess:
    """This process's state."""

    __test__ = False

    context: Context
    worker: str
    _closing: defaultdict[str, ExitStack] = field(default_factory=lambda: defaultdict(lambda: ExitStack()))
    """By cluster: closed when its cell is let go, or when the process has run its last test."""
    _kept: dict[tuple[str, type], Any] = field(default_factory=dict)
    """By cluster, as long as it is not let go."""
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

    def keep(self, cluster: str, kind: type[T], make: Callable[[ExitStack], T]) -> T:
        """The only one of its kind for a cluster.

        :param make: called the first time, with what is closed when the cluster is let go.
        """
        if (cluster, kind) not in self._kept:
            self._kept[cluster, kind] = make(self._closing[cluster])
        found: T = self._kept[cluster, kind]
        return found

    def warm_up(self, cell: CellView, lane: int, spec: Spec) -> None:
        """Start e2e.test while the cluster comes up, where its kubeconfig is going to be.

        Not for a serial spec: the process of such a one asks the cluster before it waits for orders.
        """
        name = cell.clusters[lane]
        if cell.build and not spec.serial and name not in self._clusters and name not in self._runners:
            kubeconfig = self.context.run_folder().cell(name).path / "kubeconfig"
            self._runner(name, cell.build, kubeconfig, self.context.settings.workers).start(early=True)

    def expect(self, cell: CellView, lane: int, spec: Spec) -> None:
        """This spec is going to be the next."""
        name = cell.clusters[lane]
        if name in self._clusters and name in self._runners:
            self._runners[name].expect(spec)

    def run_spec(self, cell: CellView, lane: int, spec: Spec, timeout: float, suite: str) -> SpecResult:
        """Run one upstream spec on the cluster that it was given.

        :param timeout: the spec's own, in seconds; the suite's and the run's hold too.
        """
        name = self.place(cell.name, lane)
        cluster = self.cluster(name)
        runner = self._runner(name, cluster.build, cluster.kubeconfig, len(cluster.workers))
        limit, over = min(timeout, self.context.deadline - time.time()), None
        end = self.suite_end(suite, cell.name)
        if end and end.at - time.time() < limit:
            limit, over = end.at - time.time(), end.error
        result = runner.run(spec, max(1.0, limit))
        cut = over is not None and result.state == "timedout"
        return replace(result, state="interrupted", message=str(over)) if cut else result

    def let_go(self, cell: str) -> None:
        """The cell is going to be taken down: end what runs on its clusters, and see its namespaces gone."""
        names = self.context.cell(cell).clusters
        for name in names:
            self._runners.pop(name, None)
        self._close(names)

    def close(self) -> None:
        """The process has run its last test."""
        self._close(list(self._closing))

    def _close(self, clusters: Sequence[str]) -> None:
        self._kept = {key: one for key, one in self._kept.items() if key[0] not in clusters}
        with ExitStack() as stacks:
            for name in clusters:
                if name in self._closing:
                    stacks.push(self._closing.pop(name))

    def suite_end(self, suite: str, cell: str) -> SuiteEnd | None:
        """The end of a suite on this cell, whose time begins now if it has not yet; None if it has no timeout."""
        if suite not in self._suites:
            self._suites[suite] = Suite.load(self.context.suites_root / suite)
        return begin(self.context.run_folder(), cell, self._suites[suite])

    def _runner(self, cell: str, build: Path, kubeconfig: Path, nodes: int) -> SpecRunner:
        log = self.context.run_folder().cell(cell).logs / f"e2e-{self.worker}.log"
        program = Program(build / "bin" / "e2e.test", kubeconfig, build / "bin" / "kubectl", nodes, log)
        runner = self._runners.get(cell)
        if runner is None or runner.program != program:
            scratch = self.context.run_folder().make_scratch()
            self._runners[cell] = SpecRunner(program, {**os.environ, "TMPDIR": str(scratch)})
            self._closing[cell].callback(self._runners[cell].close)
            if runner is not None:
                runner.close()
        return self._runners[cell]


_PROCESS: pytest.StashKey[TestProcess] = pytest.StashKey()


def process_of(config: pytest.Config) -> TestProcess:
    """This process's state; made at the first call."""
    if _PROCESS not in config.stash:
        context = context_of(config)
        assert context is not None, "tests under suites/ are collected only within a run"
        worker = getattr(config, "workerinput", {}).get("workerid", "main")
        config.stash[_PROCESS] = TestProcess(context, worker)
    return config.stash[_PROCESS]


def end_process(config: pytest.Config) -> None:
    """It has run its last test: end what it kept."""
    if _PROCESS in config.stash:
        config.stash[_PROCESS].close()
