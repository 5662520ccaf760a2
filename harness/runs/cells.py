"""One cell up, one cell down: the calls of a deployer with their lines in the ledger."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread

from harness.builds.api import Build
from harness.clouds.api import TAG_CELL, TAG_EXPIRES, TAG_RUN, Cloud, Group, Surveyor
from harness.clouds.codes import AMBIGUOUS
from harness.clouds.limit import limited
from harness.clouds.room import settled
from harness.clusters.api import Cluster, keys_of
from harness.clusters.version import same_version, served_version
from harness.deployers.api import ClusterRequest, Deployer
from harness.errors import CloudError, HarnessError, LeakError, Outcome, Remedy, ThrottledError, UsageError
from harness.redact.files import mask_folder
from harness.runs.admission import Admission
from harness.runs.api import Cell, Phase, Plan
from harness.runs.deadline import remaining
from harness.runs.folder import RunFolder
from harness.runs.janitor import expires_before
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts
from harness.runs.phases import CellRecorder, outcome_of, record_skip, recorded
from harness.runs.placement import Placement, next_placement
from harness.runs.plan import rfc3339, tags
from harness.runs.secrets import run_secrets
from harness.runs.state import RunState, worst, worst_first
from harness.settings import Settings, duration

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


def restore_cluster(cloud: Cloud, folder: RunFolder, cell: str, *, alone: bool) -> None:
    """Make a cluster that is up what it was when it became ready; what could not be removed is told, and fails nothing by itself.

    :param alone: no process of the run lives; otherwise what workers keep from test to test stays.
    """
    place, ledger = folder.cell(cell), Ledger(folder.ledger)
    if not place.baseline.exists():
        return
    from harness.clusters.leftovers.api import Baseline
    from harness.clusters.leftovers.removal import nobodys, restore

    ledger.append("progress", cell, text="removing what killed tests left")
    try:
        known = Cluster.load(place.cluster), Baseline.load(place.baseline)
        left = restore(cloud, *known) if alone else restore(cloud, *known, whose=nobodys)
    except Exception as error:
        left = (f"{type(error).__name__}: {error}",)
    if left:
        ledger.append("progress", cell, text=f"killed tests left: {', '.join(left)}")


@dataclass(frozen=True)
class CellWork:
    """A cell with all that is needed to bring it up or down."""

    settings: Settings
    plan: Plan
    cell: Cell
    folder: RunFolder
    ledger: Ledger
    cloud: Cloud
    deployer: Deployer

    @classmethod
    def of(
        cls, settings: Settings, plan: Plan, cell: Cell, folder: RunFolder, ledger: Ledger, cloud: Cloud, parts: Parts
    ) -> CellWork:
        """With the deployer that the cell names."""
        return cls(settings, plan, cell, folder, ledger, cloud, parts.deployer(cell.deployer)(settings, cloud))

    def request(self, build: Build, deadline: datetime, placement: Placement | None = None) -> ClusterRequest:
        """What the deployer is asked for, at first if no placement is given; makes the cell's folder."""
        placement = placement or Placement.first(self.plan, self.cell)
        path = self.folder.cell(self.cell.name).path
        path.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds the cluster's keys
        return ClusterRequest(
            run=self.plan.run,
            cell=self.cell.name,
            group=placement.group,
            location=placement.location,
            tags=tags(self.plan, self.cell.name, time.time(), self._expires()),
            build=build,
            control_planes=self.settings.control_planes,
            workers=self.settings.workers,
            folder=path,
            deadline=deadline,
            secrets=run_secrets(self.folder.path),
        )

    def up(self, request: ClusterRequest, cut: Event, admission: Admission | None = None) -> Cluster | None:
        """Bring the cell up; its failure is in the ledger, where every process that waits for the cell finds it."""
        with limited(request.deadline, cut):
            return self._up(request, cut, admission)

    def _up(self, request: ClusterRequest, cut: Event, admission: Admission | None) -> Cluster | None:
        recorder = CellRecorder(self.ledger, self.cell.name, self.plan.cloud, request.location, cut)
        try:
            cluster = self._bring_up(request, recorder, admission or Admission({}, self.settings.failover_location))
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

    def restore(self) -> None:
        """See :func:`restore_cluster`."""
        restore_cluster(self.cloud, self.folder, self.cell.name, alone=True)

    def _bring_up(self, request: ClusterRequest, recorder: CellRecorder, admission: Admission) -> Cluster:
        """Try, and try elsewhere or again as long as the failure says that this may help."""
        tried = [Placement(1, request.location, request.group)]
        while True:
            try:
                recorder.creating("resourceGroup", request.group)
                cluster = self.deployer.up(request, recorder)
                check_version(cluster.version, request.build, self.cell.name)
                return cluster
            except HarnessError as caught:
                error = self._settled(caught, request.location)
                target = next_placement(self.plan, self.cell, admission.alternatives(self.cell.name), tried, error)
                if target is None:
                    raise error from caught.__cause__
                recorder.moved(error, target.location, target.group)
                self._give_up(request, tried[-1].number, error)
                tried.append(target)
                admission.moved(self.cell.name, target.location)
                request = replace(request, location=target.location, group=target.group)

    def _settled(self, error: HarnessError, location: str) -> HarnessError:
        """An answer that may mean an exhausted quota is one if the location's usages say so."""
        if error.code != AMBIGUOUS or not isinstance(self.cloud, Surveyor):
            return error
        try:
            return settled(error, self.cloud.survey(location, self.settings.vm_size))
        except HarnessError as unanswered:
            error.log_tail += f"\n{unanswered}"
            return error

    def _give_up(self, request: ClusterRequest, number: int, error: HarnessError) -> None:
        """Keep what the failed attempt can tell, and delete it; what does not go now goes with the cell."""
        limit = datetime.fromtimestamp(min(request.deadline.timestamp(), time.time() + _COLLECT_SECONDS), UTC)
        logs = self.folder.cell(self.cell.name).logs / f"attempt-{number}"
        logs.mkdir(parents=True, exist_ok=True)
        (logs / "error.txt").write_text(request.secrets.mask(f"{error}\n\n{error.log_tail}\n"))
        try:
            if error.remedy is Remedy.AGAIN:
                self._gather(request, logs, limit)
            self.deployer.down(request.group, request.deadline)
            self.ledger.append("gone", self.cell.name, resource="resourceGroup", name=request.group)
        except HarnessError as left:
            self.ledger.append("progress", self.cell.name, text=f"{request.group} stays until the end: {left}")

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
        with suppress(Exception), recorded(self.ledger, self.cell.name, Phase.COLLECT):  # the teardown matters more
            logs.mkdir(parents=True, exist_ok=True)
            self._gather(self.request(build, limit, self._placement()), logs, limit)

    def _gather(self, request: ClusterRequest, folder: Path, limit: datetime) -> None:
        """What the deployer can tell; one that does not mask by itself is no reason to keep secrets."""
        try:
            with limited(limit):
                self.deployer.collect(request, folder, limit)
        finally:
            self._mask(folder)

    def mask_logs(self) -> None:
        """For what programs write there themselves, as e2e.test does, and for what a killed process had no time to mask."""
        self._mask(self.folder.cell(self.cell.name).logs)

    def _mask(self, folder: Path) -> None:
        """A full disk, or a file that cannot be read, must keep nobody from deleting."""
        try:
            mask_folder(folder, run_secrets(self.folder.path).known)
        except Exception as error:
            with suppress(HarnessError):
                self.ledger.append("progress", self.cell.name, text=f"not all of {folder} could be masked: {error}")

    def keep(self) -> Outcome:
        """Leave the cell's resources for as long from now as anything of a run may stay, and say how to use and remove them."""
        until = max(self.plan.expires, time.time() + duration(self.settings.expires))
        for kind, name in self.remaining():
            if kind == "resourceGroup":
                until = self._extend(name, until)
            self.ledger.append("kept", self.cell.name, resource=kind, name=name, until=until)
        kubeconfig = self.folder.cell(self.cell.name).path / "kubeconfig"
        use = f"; use it with: export KUBECONFIG={kubeconfig}" if kubeconfig.exists() else ""
        remove = f"remove it with: harness down --run {self.plan.run}"
        record_skip(self.ledger, self.cell.name, Phase.DOWN, f"kept until {rfc3339(until)}{use}; {remove}")
        return Outcome.PASSED

    def outlast(self, groups: Sequence[Group]) -> None:
        """Have what earlier sessions left stay as long as this one needs it: a janitor elsewhere has only the tags to go by.

        :param groups: the cloud's; one that is not there any more is nobody's concern here.
        """
        mine, until = {name.lower() for _, name in self.remaining()}, self._expires()
        for group in groups:
            if group.name.lower() in mine and expires_before(group, until):
                self._extend(group.name, until)

    def _expires(self) -> float:
        """When the cell's groups expire, as long as nobody keeps them."""
        return max(self.plan.expires, RunState.of(self.ledger.read()).expires)

    def _extend(self, group: str, until: float) -> float:
        """Have the expiry tag say so, which is what any sweep goes by; returns what it says at last."""
        try:
            self.cloud.tag_group(group, {TAG_EXPIRES: rfc3339(until)})
        except HarnessError as error:
            self.ledger.append("progress", self.cell.name, text=f"{group} expires as before: {error}")
            return self._expires()
        return until

    def down(
        self, deadline: datetime, straggler: Thread | None = None, *, spared: Collection[str] = frozenset()
    ) -> Outcome:
        """Delete, then prove by tag that nothing is left; what became of it is in the ledger and returned.

        :param straggler: a bring-up that hangs in one call: deleting takes the ground from under it, and then once more what it
            had still made.
        :param spared: names of what is to stay.
        """
        remaining_before = [key for key in self.remaining() if key[1] not in spared]
        if not remaining_before:
            return Outcome.PASSED

        def delete() -> None:
            self._delete(deadline, spared)
            if straggler is not None and straggler.is_alive():
                straggler.join(remaining(deadline))
                self._delete(deadline, spared)

        with limited(deadline):
            outcomes = [self._phase(Phase.DOWN, delete), self._phase(Phase.LEAK_CHECK, partial(self._prove, spared))]
        if worst(outcomes) is Outcome.PASSED:  # what outlives a group is in no list of groups
            for kind, name in remaining_before:
                self.ledger.append("gone", self.cell.name, resource=kind, name=name)
            if not self.remaining():
                shutil.rmtree(keys_of(self.folder.cell(self.cell.name).path / "kubeconfig"), ignore_errors=True)
        return worst(outcomes)

    def _phase(self, phase: Phase, step: Callable[[], None]) -> Outcome:
        try:
            with recorded(self.ledger, self.cell.name, phase):
                step()
        except Exception as error:
            return outcome_of(error)
        return Outcome.PASSED

    def _placement(self) -> Placement | None:
        """The latest attempt, by the ledger."""
        groups = [found for found in RunState.of(self.ledger.read()).remaining.values() if found.cell == self.cell.name]
        return Placement(len(groups), groups[-1].location, groups[-1].name) if groups else None

    def _delete(self, deadline: datetime, spared: Collection[str]) -> None:
        """Every group of the cell: a failed attempt may have left its own."""
        failures = []
        for kind, name in self.remaining():
            if kind == "resourceGroup" and name not in spared:
                try:
                    self._delete_group(name, deadline)
                except HarnessError as error:
                    failures.append(error)
        if failures:
            raise min(failures, key=lambda error: worst_first(error.outcome))

    def _delete_group(self, group: str, deadline: datetime) -> None:
        """The cloud may refuse once (a conflict with what the cut-off bring-up began): ask again while there is time."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.deployer.down(group, deadline)
            except (CloudError, ThrottledError) as error:
                if attempt == _ATTEMPTS or remaining(deadline) <= _PAUSE:
                    raise
                self.ledger.append("progress", self.cell.name, text=f"delete {group} again: {error}")
                time.sleep(_PAUSE)
            else:
                return

    def _prove(self, spared: Collection[str]) -> None:
        known = {name.lower() for name in spared}
        left = [group for group in self._listed() if group.name.lower() not in known]
        if left:
            names = ", ".join(f"resource group {group.name} ({group.state})" for group in left)
            raise LeakError(
                f"leave nothing of cell {self.cell.name} behind",
                last_seen=names,
                hint=f"harness down --run {self.plan.run}",
                log_tail="\n".join(f"az group delete --yes --name {group.name}" for group in left),
            )

    def _listed(self) -> Sequence[Group]:
        """The cell's groups by tag; a list that cannot be had once proves nothing, in neither way."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self.cloud.groups({TAG_RUN: self.plan.run, TAG_CELL: self.cell.name})
            except (CloudError, ThrottledError):
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE)
        raise AssertionError("not reached")

    def remaining(self) -> list[tuple[str, str]]:
        """Kind and name of what was announced and is not confirmed gone."""
        state = RunState.of(self.ledger.read())
        return [key for key, resource in state.remaining.items() if resource.cell == self.cell.name]
