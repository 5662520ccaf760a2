"""One cell up, one cell down: the calls of a deployer with their lines in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread

from harness.builds.api import Build
from harness.clouds.api import TAG_CELL, TAG_RUN, Cloud
from harness.clusters.api import Cluster
from harness.clusters.version import same_version, served_version
from harness.deployers.api import ClusterRequest, Deployer
from harness.errors import CloudError, HarnessError, LeakError, Outcome, ThrottledError, UsageError
from harness.runs.api import Cell, Phase, Plan
from harness.runs.deadline import remaining
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts
from harness.runs.phases import CellRecorder, outcome_of, record_skip, recorded
from harness.runs.plan import group_name, tags
from harness.runs.state import RunState, worst
from harness.settings import Settings

_COLLECT_SECONDS = 180.0
_ATTEMPTS = 3
_PAUSE = 2.0


def check_version(version: str, build: Build, cell: str) -> None:
    """Raise ``UsageError`` if the specs of this build are not for a cluster of this version."""
    if not same_version(version, build.version):
        raise UsageError(
            f"cluster {cell} runs Kubernetes {version}, and e2e.test of {build.source} is of {build.version}",
            hint=f"name a source of the cluster's version: --source module:{version}",
        )


@dataclass(frozen=True)
class CellWork:
    """A cell with all that is needed to bring it up or down."""

    settings: Settings
    plan: Plan
    cell: Cell
    folder: RunFolder
    cloud: Cloud
    deployer: Deployer

    @classmethod
    def of(cls, settings: Settings, plan: Plan, cell: Cell, folder: RunFolder, cloud: Cloud, parts: Parts) -> CellWork:
        return cls(settings, plan, cell, folder, cloud, parts.deployer(cell.deployer)(settings, cloud))

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.folder.ledger)

    @property
    def group(self) -> str:
        return group_name(self.plan, self.cell.name)

    def request(self, build: Build, deadline: datetime) -> ClusterRequest:
        """What the deployer is asked for; makes the cell's folder."""
        path = self.folder.cell(self.cell.name).path
        path.mkdir(parents=True, exist_ok=True)
        return ClusterRequest(
            run=self.plan.run,
            cell=self.cell.name,
            group=self.group,
            location=self.cell.location,
            tags=tags(self.plan, self.cell.name, time.time()),
            build=build,
            control_planes=self.settings.control_planes,
            workers=self.settings.workers,
            folder=path,
            deadline=deadline,
        )

    def up(self, request: ClusterRequest, cut: Event) -> Cluster | None:
        """Bring the cell up; its failure is in the ledger, where every process that waits for the cell finds it."""
        recorder = CellRecorder(self.ledger, self.cell.name, self.plan.cloud, self.cell.location, cut)
        try:
            recorder.creating("resourceGroup", self.group)
            cluster = self.deployer.up(request, recorder)
            check_version(cluster.version, request.build, self.cell.name)
            path = self.folder.cell(self.cell.name).cluster
            cluster.save(path)
        except BaseException as error:
            recorder.failed(error)
            return None
        self._baseline(cluster)
        recorder.passed()
        self.ledger.append("cluster", self.cell.name, path=str(path))
        self.ledger.append("phase", self.cell.name, phase=Phase.TEST, state="started")
        return cluster

    def is_up(self, build: Build) -> bool:
        """Whether the cluster that the ledger names answers, is ready, and is of this build's version."""
        try:
            cluster = Cluster.load(self.folder.cell(self.cell.name).cluster)
            return self.deployer.is_up(cluster) and same_version(served_version(cluster), build.version)
        except (HarnessError, OSError):  # no cluster, or none that can be asked: it is made again
            return False

    def _baseline(self, cluster: Cluster) -> None:
        """Without one, nothing can be said of what tests leave; a cluster is not refused for that."""
        if not cluster.kubeconfig.exists():
            return
        from harness.clusters.leftovers.compare import take_baseline  # workers import this module, and need no client

        try:
            take_baseline(self.cloud, cluster, self.folder.cell(self.cell.name).baseline)
        except Exception as error:
            self.ledger.append("progress", self.cell.name, text=f"what is in the cluster was not written down: {error}")

    def tested(self, failed: bool, aborted: bool) -> None:
        """Close the test phase, if the cell ever got there."""
        phase = RunState.of(self.ledger.read()).phases.get((self.cell.name, Phase.TEST))
        if phase is None or phase.state != "started":
            return
        outcome = Outcome.ABORTED if aborted else Outcome.FAILED if failed else Outcome.PASSED
        self.ledger.append(
            "phase",
            self.cell.name,
            phase=Phase.TEST,
            state="passed" if outcome is Outcome.PASSED else "failed",
            outcome=outcome,
            seconds=time.time() - phase.at,
            message="" if outcome is Outcome.PASSED else "cut off" if aborted else "tests of this run failed",
        )

    def collect(self, build: Build | None, deadline: datetime) -> None:
        """Gather logs; a failure to do so is recorded and does not stop the teardown."""
        if build is None:
            record_skip(self.ledger, self.cell.name, Phase.COLLECT, "the build is no longer in the cache")
            return
        limit = datetime.fromtimestamp(min(deadline.timestamp(), time.time() + _COLLECT_SECONDS), UTC)
        logs = self.folder.cell(self.cell.name).logs
        logs.mkdir(parents=True, exist_ok=True)
        try:
            with recorded(self.ledger, self.cell.name, Phase.COLLECT):
                self.deployer.collect(self.request(build, limit), logs, limit)
        except Exception:  # noqa: S110 - recorded; the teardown that follows matters more
            pass

    def keep(self, why: str) -> Outcome:
        """Leave the cell's resources until the run expires."""
        for kind, name in self.remaining():
            self.ledger.append("kept", self.cell.name, resource=kind, name=name, until=self.plan.expires)
        record_skip(self.ledger, self.cell.name, Phase.DOWN, why)
        return Outcome.PASSED

    def down(self, deadline: datetime, straggler: Thread | None = None) -> Outcome:
        """Delete, then prove by tag that nothing is left; what became of it is in the ledger and returned.

        :param straggler: a bring-up that hangs in one call: deleting takes the ground from under it, and then once more what it
            had still made.
        """
        remaining_before = self.remaining()
        if not remaining_before:
            return Outcome.PASSED

        def delete() -> None:
            self._delete(deadline)
            if straggler is not None and straggler.is_alive():
                straggler.join(remaining(deadline))
                self._delete(deadline)

        outcomes = [self._phase(Phase.DOWN, delete), self._phase(Phase.LEAK_CHECK, self._prove)]
        if outcomes[-1] is Outcome.PASSED:
            for kind, name in remaining_before:
                self.ledger.append("gone", self.cell.name, resource=kind, name=name)
        return worst(outcomes)

    def _phase(self, phase: Phase, step: Callable[[], None]) -> Outcome:
        try:
            with recorded(self.ledger, self.cell.name, phase):
                step()
        except Exception as error:
            return outcome_of(error)
        return Outcome.PASSED

    def _delete(self, deadline: datetime) -> None:
        """The cloud may refuse once (a conflict with what the cut-off bring-up began): ask again while there is time."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.deployer.down(self.group, deadline)
            except (CloudError, ThrottledError) as error:
                if attempt == _ATTEMPTS or remaining(deadline) <= _PAUSE:
                    raise
                self.ledger.append("progress", self.cell.name, text=f"delete {self.group} again: {error}")
                time.sleep(_PAUSE)
            else:
                return

    def _prove(self) -> None:
        left = self.cloud.groups({TAG_RUN: self.plan.run, TAG_CELL: self.cell.name})
        if left:
            names = ", ".join(f"resource group {group.name} ({group.state})" for group in left)
            raise LeakError(
                f"leave nothing of cell {self.cell.name} behind",
                last_seen=names,
                hint=f"harness down --run {self.plan.run}",
            )

    def remaining(self) -> list[tuple[str, str]]:
        """Kind and name of what was announced and is not confirmed gone."""
        state = RunState.of(self.ledger.read())
        return [key for key, resource in state.remaining.items() if resource.cell == self.cell.name]
