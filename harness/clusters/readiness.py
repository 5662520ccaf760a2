"""The gate between "deployed" and "may be tested": everything is ready, and stays so for a while.

A cluster that flickers makes tests fail that test something else, so one good moment is not enough: the hold starts again
whenever something goes wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from kubernetes import client

from harness.clusters.api import Cluster
from harness.clusters.kube import UNREACHABLE, describe, items, open_client
from harness.clusters.probe import NAMESPACE, create_probe, delete_probe, probe_image
from harness.clusters.standstill import Standstill
from harness.clusters.state import Snapshot, failed_pods, node_problems, probe_problems, problems, workload_problems
from harness.errors import DeployError

_INTERVAL = 0.25
"""Seconds between looks."""
_HEARTBEAT = 5.0
"""Seconds after which the same wait is told again; it is also when a run that is cut off learns of it."""
_SYSTEM = "kube-system"

Progress = Callable[[str], None]


@dataclass
class Timeline:
    """Seconds from ``begun`` to the first time of each thing."""

    begun: float
    seconds: dict[str, float] = field(default_factory=dict)

    def reached(self, what: str) -> bool:
        """Note the first time; true if it was the first."""
        if what in self.seconds:
            return False
        self.seconds[what] = round(time.monotonic() - self.begun, 2)
        return True


def wait_ready(
    cluster: Cluster,
    deadline: datetime,
    hold: float,
    progress: Progress,
    begun: float | None = None,
    *,
    patience: int = 1,
    standstill: Standstill | None = None,
) -> dict[str, float]:
    """Wait until the cluster is ready and was so for ``hold`` seconds without a break.

    :param begun: ``time.monotonic()`` from which seconds are counted; now, when not given.
    :param patience: factor on how long a single answer may take.
    :param standstill: says when waiting for the deadline is no use any more.
    :return: seconds to each step: ``api``, ``nodes``, ``system``, ``services``, ``ready``, ``held``.
    :raises DeployError: at the deadline or the standstill, naming what was still wrong.
    """
    timeline = Timeline(time.monotonic() if begun is None else begun)
    with closing(open_client(cluster.kubeconfig)) as api:
        _Gate(cluster, api, timeline, progress, patience, standstill).pass_by(deadline, hold)
        delete_probe(api, patience)
    return timeline.seconds


def is_ready(cluster: Cluster, patience: int = 1) -> bool:
    """Whether nodes and kube-system are fine right now; creates nothing."""
    expected = [node.name for node in cluster.nodes]
    try:
        with closing(open_client(cluster.kubeconfig)) as api:
            snapshot = _look(api, patience, probe=False)
    except UNREACHABLE:
        return False
    return not [*node_problems(snapshot.nodes, expected), *workload_problems(snapshot, len(expected))]


@dataclass
class _Gate:
    cluster: Cluster
    api: client.ApiClient
    timeline: Timeline
    progress: Progress
    patience: int
    standstill: Standstill | None
    probing: bool = False
    shown: str = ""
    shown_at: float = 0.0
    good_since: float | None = None

    def pass_by(self, deadline: datetime, hold: float) -> None:
        while True:
            wrong = self._look()
            now = time.monotonic()
            if wrong:
                self._not_ready(wrong)
            elif self.good_since is None:
                self.good_since = now
                self._tell("ready", "cluster is ready")
            if self.good_since is not None and now - self.good_since >= hold:
                self._tell("held", f"cluster stayed ready for {hold:.0f} s")
                return
            if time.time() >= deadline.timestamp():
                raise self._late(wrong, hold)
            if self.standstill and self.standstill.reached(wrong, now):
                raise self._late(wrong, hold, f", of which nothing was new for {now - self.standstill.since:.0f} s")
            time.sleep(_INTERVAL)

    def _look(self) -> list[str]:
        """Everything that is wrong now."""
        expected = [node.name for node in self.cluster.nodes]
        try:
            if not self.probing:
                wrong = list(
                    node_problems(items(client.CoreV1Api(self.api).list_node, patience=self.patience), expected)
                )
                self._tell("api", "API server answers")
                if wrong:  # nothing else can be ready either, and asking for it costs the API server time
                    return wrong
                create_probe(self.api, probe_image(self.cluster.build), self.patience)
                self.probing = True
            snapshot = _look(self.api, self.patience, probe=True)
        except UNREACHABLE as error:
            return [f"the API server at {self.cluster.server} does not answer: {describe(error)}"]
        self._note(snapshot, expected)
        return problems(snapshot, expected)

    def _note(self, snapshot: Snapshot, expected: Sequence[str]) -> None:
        if not list(node_problems(snapshot.nodes, expected)):
            self._tell("nodes", f"{len(expected)} nodes Ready")
        if not list(workload_problems(snapshot, len(expected))):
            self._tell("system", "kube-system has settled")
        if not list(probe_problems(snapshot.probe, len(expected))):
            self._tell("services", "DNS and a Service answer from every node")

    def _not_ready(self, wrong: list[str]) -> None:
        if self.good_since is not None:
            self.progress(f"no longer ready: {wrong[0]}")
            self.good_since = None
        elif wrong[0] != self.shown or time.monotonic() - self.shown_at >= _HEARTBEAT:
            self.shown_at = time.monotonic()
            self.progress(f"waiting: {wrong[0]}" + (f" (and {len(wrong) - 1} more)" if wrong[1:] else ""))
        self.shown = wrong[0]

    def _tell(self, step: str, text: str) -> None:
        if self.timeline.reached(step):
            self.progress(text)

    def _late(self, wrong: list[str], hold: float, why: str = "") -> DeployError:
        spent = time.monotonic() - self.timeline.begun
        return DeployError(
            f"bring up the cluster in {self.cluster.group}",
            awaited=f"all nodes Ready, kube-system settled, DNS and Services answering for {hold:.0f} s; gave up after {spent:.0f} s{why}",
            last_seen="; ".join([*wrong, *self._behind(wrong)]) or "ready, but not for long enough",
            hint="see the serial consoles in the cell's logs folder",
        )

    def _behind(self, wrong: Sequence[str]) -> list[str]:
        """What else is wrong in kube-system, where it was not looked at yet: it may be the cause."""
        if not wrong:
            return []
        try:
            snapshot = _look(self.api, self.patience, probe=False)
        except UNREACHABLE:
            return []
        found = [*workload_problems(snapshot, len(self.cluster.nodes)), *failed_pods(snapshot.pods)]
        return [problem for problem in found if problem not in wrong]


def _look(api: client.ApiClient, patience: int, *, probe: bool) -> Snapshot:
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)

    def listed(call: Callable[..., object], *namespace: str) -> list[dict[str, object]]:
        return items(call, *namespace, patience=patience)

    found = listed(apps.list_namespaced_daemon_set, NAMESPACE) if probe else []
    return Snapshot(
        nodes=listed(core.list_node),
        pods=listed(core.list_namespaced_pod, _SYSTEM),
        deployments=listed(apps.list_namespaced_deployment, _SYSTEM),
        daemonsets=listed(apps.list_namespaced_daemon_set, _SYSTEM),
        probe=found[0] if found else {},
    )
