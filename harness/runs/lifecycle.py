"""A run's clusters from plan to proof that they are gone, as its owning process (the pytest controller, ``harness up``) sees them.

Bring-up happens in background threads, because a few blocking calls have to overlap with collection and with each other. Workers are
other processes: they only read the ledger. Whatever happens here, the ledger alone is enough for :func:`harness.runs.teardown.teardown`
in another process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread

from harness.builds.api import Build
from harness.clouds.api import Cloud, Stager, Surveyor
from harness.clouds.room import Demand
from harness.clusters.api import Cluster
from harness.clusters.version import served_version
from harness.deployers.api import ClusterRequest, demand_of
from harness.errors import HarnessError, Outcome, QuotaError, UsageError
from harness.runs.admission import Admission, check_locations, survey
from harness.runs.api import Cell, Keep, Phase, Plan
from harness.runs.cells import CellWork, check_version
from harness.runs.deadline import check, remaining
from harness.runs.folder import RunFolder
from harness.runs.history import agreed_budget, budget_of, remember
from harness.runs.ledger import Ledger, tell
from harness.runs.locks import locked
from harness.runs.memory import connect
from harness.runs.ownership import claim, leave
from harness.runs.parts import Parts
from harness.runs.phases import outcome_of, record_failure, record_skip, recorded
from harness.runs.plan import group_name, load_plan, make_plan, save_plan
from harness.runs.processes import Owner
from harness.runs.state import RunState, worst
from harness.runs.teardown import SECONDS, in_parallel, teardown
from harness.settings import Settings

_GRACE = 15.0
_OWNER_CHECK = 3.0


class Lifecycle:
    """Owner's view of one run. Methods are called from one thread, in the order they stand here."""

    def __init__(
        self, settings: Settings, plan: Plan, folder: RunFolder, parts: Parts, *, resumed: bool = False
    ) -> None:
        self.settings = settings
        self.plan = plan
        self.folder = folder
        self.ledger = Ledger(folder.ledger)
        self.budget = budget_of(settings, time.time())
        self._parts = parts
        self._resumed = resumed
        self._open = ExitStack()
        self._cloud: Cloud | None = None
        self._builds: dict[str, Build] = {}
        self._works: dict[str, CellWork] = {}
        self._adopted: set[str] = set()
        self._threads: dict[str, Thread] = {}
        self._cut = Event()
        self._admission = Admission({}, ())
        self._retiring: list[Thread] = []

    @classmethod
    def open(
        cls,
        settings: Settings,
        folder: Path | None,
        *,
        parts: Parts | None = None,
        resumed: bool = False,
        role: str = "controller",
        beside: Sequence[Owner] = (),
    ) -> Lifecycle:
        """A new run (``folder`` None: planned here, in a folder of its own), or the one planned in ``folder``.

        The process that calls this is an owner of the run until :meth:`finish`.

        :param resumed: the run was cut off: its clusters are this process's, and those that no longer answer are made again.
        :param beside: a live owner that is no stranger: this process's supervisor.
        :raises UsageError: for everything that is wrong with the settings, or when another process works on the run.
        """
        parts = parts or Parts()
        if folder is None:
            plan = make_plan(settings, parts, Path.cwd())
            run_folder = RunFolder.create(settings.reports, plan.run)
            save_plan(run_folder, settings, plan)
        else:
            run_folder = RunFolder(folder.resolve())
            plan = load_plan(run_folder)[1]
        lifecycle = cls(settings, plan, run_folder, parts, resumed=resumed)
        claim(run_folder, role, beside=beside, resumed=resumed)
        lifecycle.budget = agreed_budget(lifecycle.ledger, lifecycle.budget)
        return lifecycle

    def prepare(self) -> dict[str, Build]:
        """Open the cloud, check what only it knows, then build every source, one after the other.

        :returns: cell name -> build; a cell whose build failed is missing, and who waits for its cluster gets its error.
        :raises HarnessError: when the cloud cannot be opened or refuses the plan.
        """
        with recorded(self.ledger, "", Phase.PLAN):
            self._cloud = self._open.enter_context(self._parts.cloud(self.plan.cloud)(self.settings))
            connect(self._cloud, self.ledger)
            check_locations(self.settings, self.plan, self._cloud.locations())
            for cell in self.plan.cells:
                self._works[cell.name] = CellWork.of(
                    self.settings, self.plan, cell, self.folder, self.ledger, self._cloud, self._parts
                )
            self._outlast(self._cloud)
            self._admission = self._examine(self._cloud)
        builder = self._parts.builder(self.settings)
        for cell in self.plan.cells:
            if cell.replica_of:
                self._share_build(cell)
                continue
            try:
                with recorded(self.ledger, cell.name, Phase.BUILD):
                    check(self.budget, f"build {cell.source}")
                    build = builder.build(cell.source, self._progress(cell))
                    if isinstance(self._cloud, Stager):
                        self._cloud.stage(build, self._progress(cell))
                    self._builds[cell.name] = build
            except Exception as error:
                record_skip(self.ledger, cell.name, Phase.UP, f"not built: {str(error).partition(chr(10))[0]}")
        return dict(self._builds)

    def _outlast(self, cloud: Cloud) -> None:
        """Nothing that is there already expires before this session ends."""
        if RunState.of(self.ledger.read()).remaining:
            groups = cloud.groups({})
            for work in self._works.values():
                work.outlast(groups)

    def _examine(self, cloud: Cloud) -> Admission:
        """What has to be right for the whole matrix before anything is created: providers, sizes, room, names."""
        if isinstance(cloud, Surveyor):
            cloud.register(partial(tell, self.ledger, ""))
        failover = self.settings.failover_location
        places = [*(cell.location for cell in self.plan.cells), *failover]
        most = self.abreast + 1 if self.abreast else 0
        admission = Admission(survey(cloud, places, self.settings.vm_size), failover, most)
        if not self._resumed and not RunState.of(self.ledger.read()).remaining:
            wanted = {group_name(self.plan, cell.name) for cell in self.plan.cells}
            taken = [group.name for group in cloud.groups({}) if group.name in wanted]
            if taken:
                raise UsageError(
                    f"resource group {taken[0]} exists already", hint="start another run: it gets another name"
                )
        return admission

    def _share_build(self, cell: Cell) -> None:
        """A further cluster runs what its cell's own cluster runs."""
        if build := self._builds.get(cell.replica_of):
            self._builds[cell.name] = build
        else:
            record_skip(self.ledger, cell.name, Phase.UP, f"{cell.replica_of} was not built")

    def start(self) -> None:
        """Check every cell's request, then bring all cells up in the background; returns at once.

        :raises UsageError: when a deployer refuses its request; nothing was created then.
        """
        up = set(RunState.of(self.ledger.read()).clusters) & self._builds.keys()
        reused = self._reuse(sorted(up)) if self._resumed else set()
        self._adopted = set() if self._resumed else up
        for name in sorted(self._adopted):
            self._check_adopted(name)
        requests = {}
        for name in sorted(self._builds.keys() - self._adopted - reused):
            request = self._works[name].request(self._builds[name], self.budget.tests_deadline)
            try:
                self._works[name].deployer.validate(request)
            except QuotaError as error:
                record_failure(self.ledger, name, Phase.UP, error)
                continue
            except UsageError as error:
                record_failure(self.ledger, "", Phase.PLAN, error)
                raise
            requests[name] = request
        for cell in self.plan.primary:
            unit = {name: requests[name] for name in self.plan.clusters(cell.name) if name in requests}
            if unit:
                self._begin(cell, unit)

    def _begin(self, cell: Cell, unit: Mapping[str, ClusterRequest]) -> None:
        """Bring a cell and its further clusters up, now or when there is room."""
        demand = Demand(0, 0)
        for name, request in unit.items():
            more = demand_of(self._works[name].deployer, request)
            demand = Demand(demand.machines + more.machines, demand.addresses + more.addresses)
        try:
            place = self._admission.place(cell.name, cell.location, demand)
        except QuotaError as error:
            for name in unit:
                record_failure(self.ledger, name, Phase.UP, error)
            return
        for name, request in unit.items():
            work = partial(self._bring_up, cell, name, request, demand, place)
            self._threads[name] = Thread(target=work, name=f"up-{name}", daemon=True)
            self._threads[name].start()

    def _bring_up(self, cell: Cell, name: str, request: ClusterRequest, demand: Demand, place: str) -> None:
        """One cluster, where its cell is let in."""
        admission = self._admission
        if not place:
            try:
                place = admission.await_turn(cell.name, cell.location, demand, self._cut, self._progress(cell))
            except HarnessError as error:
                record_failure(self.ledger, name, Phase.UP, error)
                return
        if place != request.location:
            lacking = admission.lacks(cell.location, demand)
            facts = {"source": request.location, "target": place, "group": request.group, "code": ""}
            self.ledger.append("moved", name, **facts, outcome=Outcome.QUOTA, message=lacking)
        self._works[name].up(replace(request, location=place), self._cut, admission)

    def admitted(self, cell: str) -> bool:
        """Whether the cell need not wait for others to leave."""
        return self._admission.admitted(cell)

    def unused(self, cell: str) -> None:
        """No test needs the cell: nobody has to wait for it to leave."""
        self._admission.stay(cell)

    def retire(self, cell: str, *, failed: bool, first: Callable[[], object] = lambda: None) -> None:
        """All tests of the cell are done, and others go on: take it down at once, in the background, if it is this session's.

        :param first: called before, in the background as well; never raises.
        """
        works = [self._works[name] for name in self.plan.clusters(cell) if name not in self._adopted]
        if Keep(self.settings.keep) is Keep.ALWAYS or not works:
            self._admission.stay(cell)
            return
        thread = Thread(target=self._retire, args=(cell, works, failed, first), name=f"down-{cell}", daemon=True)
        self._retiring.append(thread)
        thread.start()

    def _retire(self, cell: str, works: Sequence[CellWork], failed: bool, first: Callable[[], object]) -> None:
        first()
        deadline = self.budget.teardown_deadline(time.time())
        keep, gone = Keep(self.settings.keep), False
        try:
            with locked(self.folder, f"take down {cell}", SECONDS):
                outcomes = in_parallel([partial(self._end, work, False, failed, keep, deadline) for work in works])
            gone = worst(outcomes) is Outcome.PASSED and not any(work.remaining() for work in works)
        except Exception as error:  # the end of the run tries again
            record_failure(self.ledger, cell, Phase.DOWN, error)
        finally:  # or others would wait for its room until the deadline
            (self._admission.leave if gone else self._admission.stay)(cell)

    def _check_adopted(self, name: str) -> None:
        """A cluster that somebody else brought up has to be of the version that is tested; raises ``HarnessError``."""
        try:
            cluster = Cluster.load(self.folder.cell(name).cluster)
            check_version(served_version(cluster), self._builds[name], name)
        except HarnessError as error:
            record_failure(self.ledger, "", Phase.PLAN, error)
            raise

    def _reuse(self, names: Sequence[str]) -> set[str]:
        """Those of an earlier process's clusters that still answer, without what its tests left; the others are deleted."""
        with ThreadPoolExecutor(max_workers=len(names) or 1, thread_name_prefix="reuse") as pool:
            found = pool.map(lambda name: self._taken_over(self._works[name]), names)
            return {name for name, taken in zip(names, found, strict=True) if taken}

    def _taken_over(self, work: CellWork) -> bool:
        if not work.is_up(self._builds[work.cell.name]):
            work.down(self.budget.tests_deadline)  # so that nobody waits for it
            return False
        work.restore()
        self.ledger.append("phase", work.cell.name, phase=Phase.TEST, state="started")
        return True

    def finish(self, *, aborted: bool, failed: bool = False, keep: Keep | None = None) -> Outcome:
        """Collect from what failed, take every cell down in parallel, prove that nothing is left; never raises for a cell.

        Call it through :func:`harness.runs.handover.uncut`, so that no signal cuts it off.

        :param aborted: a signal or the deadline cut the run off.
        :param failed: tests failed (for ``--keep on-failure`` and to collect logs).
        :param keep: instead of the setting.
        :returns: the worst outcome of all phases of the run's life.
        """
        keep = keep or Keep(self.settings.keep)
        self.ledger.ending = True
        self._stop_bring_up()
        for thread in self._retiring:
            thread.join(remaining(self.budget.teardown_deadline(time.time())))
        for work in self._works.values():
            work.mask_logs()
        deadline = self.budget.teardown_deadline(time.time())
        with locked(self.folder, f"take down run {self.plan.run}", SECONDS):
            in_parallel(
                [
                    partial(self._end, work, aborted, failed, keep, deadline)
                    for name, work in self._works.items()
                    if name not in self._adopted
                ]
            )
        return self._close()

    @classmethod
    def teardown(cls, folder: Path, *, kept: bool = True, parts: Parts | None = None) -> Outcome:
        """What :func:`harness.runs.teardown.teardown` does: from the ledger alone, in any process."""
        return teardown(RunFolder(folder), kept=kept, parts=parts or Parts(), role="down")

    @property
    def abreast(self) -> int:
        """Cells whose tests run at the same time, while one more comes up; 0: all."""
        return self.settings.cells or int(getattr(self._cloud, "cells_abreast", 0))

    @property
    def crowded(self) -> bool:
        """Whether some cell waits for another to leave."""
        return self._admission.waiting

    @property
    def cloud(self) -> Cloud | None:
        """The run's cloud, open from :meth:`prepare` to :meth:`finish`."""
        return self._cloud

    def join(self) -> None:
        """Wait until every cell is up or has failed; none is going to leave, so one that finds no room has failed."""
        self._admission.settle()
        for thread in self._threads.values():
            thread.join(remaining(self.budget.tests_deadline))

    def _progress(self, cell: Cell) -> Callable[[str], None]:
        return partial(tell, self.ledger, cell.name)

    def _stop_bring_up(self) -> None:
        until = time.monotonic() + _GRACE
        for thread in self._threads.values():
            if thread.is_alive():
                self._cut.set()
                thread.join(max(0.0, until - time.monotonic()))

    def _end(self, work: CellWork, aborted: bool, failed: bool, keep: Keep, deadline: datetime) -> Outcome:
        """What is to be done with a cell at its end; what goes wrong with one keeps no other."""
        try:
            return self._ended(work, aborted, failed, keep, deadline)
        except Exception as error:
            record_failure(self.ledger, work.cell.name, Phase.DOWN, error)
            return outcome_of(error)

    def _ended(self, work: CellWork, aborted: bool, failed: bool, keep: Keep, deadline: datetime) -> Outcome:
        name = work.cell.name
        work.tested(failed, aborted)
        if not work.remaining():
            return Outcome.PASSED
        broken = failed or RunState.of(self.ledger.read()).failure(name) is not None
        if keep is Keep.ALWAYS or (keep is Keep.ON_FAILURE and broken and not aborted):
            return work.keep()
        if broken and not aborted:
            work.collect(self._builds.get(name), deadline)
        return work.down(deadline, self._threads.get(name))

    def _close(self) -> Outcome:
        try:
            self._open.close()
        except Exception as error:
            record_failure(self.ledger, "", Phase.DOWN, error)
        self.folder.remove_scratch()
        state = RunState.of(self.ledger.read())
        remember(self.settings, state)
        phases = state.phases.values()
        outcomes = [phase.outcome for phase in phases if phase.outcome not in (None, Outcome.SKIPPED)]
        outcome = worst(outcomes if self.ledger.settled() else [*outcomes, Outcome.HARNESS])
        leave(self.folder, outcome)
        return outcome
