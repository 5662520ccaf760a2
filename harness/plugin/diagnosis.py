"""Collects evidence about each failed test while the run goes on: in the controller's background, few at a time, first failures first.

The test itself waits for nothing: a failed spec leaves its namespaces (``--delete-namespace-on-failure=false``) and a failed Python test
its own, and whoever reads them here deletes them. Threads, because these are a few blocking calls.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Event, Thread
from typing import Any

import pytest

from harness.clouds.api import Cloud
from harness.clusters.api import Cluster
from harness.clusters.failures.api import MANIFEST, Evidence, Failure, Limits
from harness.clusters.failures.namespaces import named, runs_of
from harness.plugin.facts import FILE, ItemFacts, read_planned
from harness.plugin.failing import CLUSTER, NAMESPACE
from harness.plugin.running import data_of
from harness.plugin.unread import note
from harness.runs.folder import RunFolder
from harness.runs.secrets import run_secrets

_AT_ONCE = 2
_LAST = 60.0
"""Seconds that the end of a run waits for what is still being read."""


@dataclass(frozen=True)
class _Job:
    """What failed."""

    cluster: str
    """Its name."""
    failure: Failure
    note: Path
    """Says that nobody has read it yet."""


class Diagnosis:
    """A plugin of the controller.

    :param tell: shows one line about a cluster.
    """

    def __init__(
        self, folder: RunFolder, cloud: Cloud, tell: Callable[[str, str], object], limits: Limits | None = None
    ) -> None:
        self._folder = folder
        self._cloud = cloud
        self._secrets = run_secrets(folder.path)
        self._tell = tell
        self._limits = limits or Limits()
        self._facts: dict[str, ItemFacts] = {}
        self._numbers: dict[str, int] = {}
        self._seen: set[tuple[str, float]] = set()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._collectors: dict[str, Any] = {}
        self._stop = Event()
        self._open: Counter[str] = Counter()
        """Cluster -> failures that are not read yet."""
        self._read = Condition()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Begin at the first phase that failed; one that is going to be repeated is called ``rerun`` by now."""
        if not (report.failed or str(report.outcome) == "rerun"):
            return
        data = data_of(report)
        attempt = (report.nodeid, float(data.get("started", 0.0)))
        fact = self._fact(report.nodeid)
        if fact is None or not fact.cell or attempt in self._seen:
            return
        self._seen.add(attempt)
        cluster = str(dict(report.user_properties).get(CLUSTER) or fact.cell)
        place = self._folder.cell(cluster)
        noted = Path(data["unread"]) if "unread" in data else None
        if place.cluster.exists() and (place.path / "kubeconfig").exists():
            with self._read:
                self._open[cluster] += 1
            noted = noted or note(place.leases)  # a worker that died made none
            self._jobs.put(_Job(cluster, self._failure(report, data, fact, cluster), noted))
            self._start()
        elif noted:
            noted.unlink(missing_ok=True)

    def settle(self, clusters: Collection[str]) -> None:
        """Wait, within limits, until all failures on these clusters are read: they are going to be taken down."""
        with self._read:
            self._read.wait_for(
                lambda: self._stop.is_set() or not any(self._open[cluster] for cluster in clusters), _LAST
            )

    def close(self, *, aborted: bool) -> None:
        """Finish what was begun, within limits, and say what was not.

        :param aborted: the run is being cut off: nothing more is begun.
        """
        if aborted:
            self._cease()
        for _ in self._threads:
            self._jobs.put(None)
        until = time.monotonic() + (0.0 if aborted else _LAST)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._cease()
        for job in self._rest():
            self._skipped(job, "the run was cut off" if aborted else "the run ended before it was its turn")

    def _cease(self) -> None:
        """Nothing more is begun, and nobody waits for it."""
        self._stop.set()
        with self._read:
            self._read.notify_all()

    def _start(self) -> None:
        if len(self._threads) < _AT_ONCE:
            thread = Thread(target=self._work, name=f"diagnosis-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while not self._stop.is_set() and (job := self._jobs.get()) is not None:
            if self._stop.is_set():
                self._jobs.put(job)
                return
            try:
                self._collector(job.cluster).collect(job.failure)
            except Exception as error:  # a defect here must not cost the failures that come after
                self._skipped(job, f"{type(error).__name__}: {error}")
                self._tell(job.cluster, f"evidence about {job.failure.name} is missing: {error}")
            job.note.unlink(missing_ok=True)
            with self._read:
                self._open[job.cluster] -= 1
                self._read.notify_all()

    def _collector(self, cluster: str) -> Any:
        """Made at the first failure: the Kubernetes client takes a second to import."""
        from harness.clusters.failures.collect import Collector
        from harness.clusters.failures.folder import Allowance

        if not self._collectors:
            self._collectors[""] = Allowance(self._limits.run)
        if cluster not in self._collectors:
            place = self._folder.cell(cluster)
            found = Cluster.load(place.cluster)
            self._collectors[cluster] = Collector(
                self._cloud, found, place.failures, self._limits, self._collectors[""], self._secrets
            )
        return self._collectors[cluster]

    def _failure(self, report: pytest.TestReport, data: dict[str, Any], fact: ItemFacts, cluster: str) -> Failure:
        steps = [str(text) for text, _ in data.get("steps", ())]
        own = [str(value) for name, value in report.user_properties if name == NAMESPACE]
        spec = (not own and "stdout" in data) or bool(data.get("crash"))
        lost = spec and not steps
        return Failure(
            number=self._number(cluster),
            nodeid=report.nodeid,
            name=fact.name,
            started=float(data.get("started", 0.0)),
            ended=time.time(),
            namespaces=(*own, *named(steps)),
            runs=runs_of(self._folder.cell(cluster).logs / f"e2e-{_worker(report)}.log") if lost else frozenset(),
        )

    def _number(self, cluster: str) -> int:
        """Goes on where an earlier session of the run ended."""
        if cluster not in self._numbers:
            folder = self._folder.cell(cluster).failures
            self._numbers[cluster] = sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
        self._numbers[cluster] += 1
        return self._numbers[cluster]

    def _fact(self, nodeid: str) -> ItemFacts | None:
        if not self._facts:
            self._facts = read_planned(self._folder.path / FILE)
        return self._facts.get(nodeid)

    def _rest(self) -> list[_Job]:
        rest: list[_Job] = []
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return rest
            if job is not None:
                rest.append(job)

    def _skipped(self, job: _Job, why: str) -> None:
        failure = job.failure
        folder: Path = self._folder.cell(job.cluster).failures / failure.folder
        folder.mkdir(parents=True, exist_ok=True)
        problem = self._secrets.mask(f"not collected: {why}")
        evidence = Evidence(failure.nodeid, failure.started, failure.since, failure.until, (), (), (problem,), 0.0)
        (folder / MANIFEST).write_text(evidence.dump())


def _worker(report: pytest.TestReport) -> str:
    """xdist's worker that ran the test, as its logs are named."""
    node = getattr(report, "node", None)
    return str(node.gateway.id) if node is not None else "main"
