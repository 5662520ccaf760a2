"""One pytest session from its command line to the proof that nothing is left, as the controller sees it.

Fixtures cannot own clusters: each worker has its own, and gets five seconds for their teardown after Ctrl-C (pytest-xdist#537). So the
controller owns them, brings them up in the background while workers start, and takes them down in ``pytest_unconfigure``, which
runs after everything else, also after an interrupt.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from harness.clouds.detached import MARK
from harness.errors import EXIT_CODES, HarnessError, Outcome, UsageError
from harness.ginkgo.durations import FILE as DURATIONS
from harness.ginkgo.durations import remember
from harness.ginkgo.priority import HIGH, set_session_priority
from harness.plugin import unread
from harness.plugin.console import Console, LedgerLines
from harness.plugin.context import KEY, CellView, Context
from harness.plugin.diagnosis import Diagnosis
from harness.plugin.distribution import INTERRUPTED, Distribution
from harness.plugin.ending import Ending
from harness.plugin.facts import FILE, cell_of
from harness.plugin.masking import mask_terminal
from harness.plugin.namespaces import FILE as LEFTOVERS
from harness.plugin.namespaces import read_leftovers
from harness.plugin.narrowing import check_narrowing, is_narrowed
from harness.plugin.pace import Paces
from harness.plugin.recording import Recorder
from harness.plugin.resuming import finished, mend
from harness.plugin.running import let_go
from harness.plugin.signals import stop
from harness.plugin.suites import check_selections, limits_of, suites_in
from harness.plugin.timeouts import check_nested, forget, told_timeout
from harness.plugin.usage import one_line
from harness.runs.api import Plan
from harness.runs.checks import check_tests
from harness.runs.deadline import check_order
from harness.runs.handover import note_stop, uncut
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.plan import make_plan
from harness.runs.processes import Owner
from harness.runs.secrets import run_secrets
from harness.runs.signals import Stops
from harness.settings import Settings


class Controller:
    """Hooks of the process that owns the clusters."""

    def __init__(self, config: pytest.Config, settings: Settings, suites_root: Path, folder: Path | None) -> None:
        self.config = config
        self.settings = settings
        self.suites_root = suites_root
        self.folder = folder
        self.supervisor = Owner.of(os.getppid()) if config.getoption("run_folder") is not None else None
        self.stops = Stops(raising=True)
        self.overdue = False
        self.resumed = bool(config.getoption("resume"))
        self.parts: Parts = config.hook.pytest_harness_parts(config=config) or Parts()
        self.lifecycle: Lifecycle | None = None
        self.session: pytest.Session | None = None
        self.distribution: Distribution | None = None
        self.recorder: Recorder | None = None
        self.paces: Paces | None = None
        self.diagnosis: Diagnosis | None = None
        self.console: Console | None = None
        self.lines: LedgerLines | None = None
        self.timer: Timer | None = None
        self.started = False
        self.aborted = False
        self.preferred = False
        """Whether workers come before the machines: they do little, and every test waits for it."""
        self.left: Counter[str] = Counter()
        """Cell -> tests that have not run, without xdist."""
        self.cell_of: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Plan, build, and begin to bring clusters up, before xdist starts its workers."""
        self.session = session
        self.console = Console(self._within_line)
        with one_line():
            if self.config.option.collectonly:
                plan = make_plan(self.settings, self.parts, self.config.rootpath)
                self._publish(self._found(plan), plan, None, time.time())
                return
            self.stops.install()
            if self.folder and not self.supervisor:  # else who made the plan, or the supervisor, has compared them
                check_order(self.settings)
            beside = (self.supervisor,) if self.supervisor else ()
            self.lifecycle = lifecycle = Lifecycle.open(
                self.settings, self.folder, parts=self.parts, resumed=self.resumed, beside=beside
            )
            # Workers inherit these, and suites read the second.
            os.environ.update({MARK: lifecycle.plan.run, "HARNESS_PATIENCE": str(self.settings.patience)})
            secrets = run_secrets(lifecycle.folder.path)
            if not self.supervisor:
                mask_terminal(self.config, secrets.mask)
            self.lines = LedgerLines(lifecycle.ledger, self._write, time.time())
            self._write(f"run {lifecycle.plan.run}: {lifecycle.folder.path}")
            builds = lifecycle.prepare()
            cells = [
                CellView(
                    cell.name,
                    builds[cell.name].folder if cell.name in builds else None,
                    lifecycle.plan.clusters(cell.name),
                    cell.suites,
                )
                for cell in lifecycle.plan.primary
            ]
            planned = lifecycle.folder.path / FILE
            if not self.resumed:
                planned.unlink(missing_ok=True)
            mend(lifecycle.folder.results)
            self.recorder = Recorder(
                lifecycle.folder.results,
                planned,
                secrets,
                self.settings.reruns,
                self.settings.infra_reruns,
            )
            self._publish(cells, lifecycle.plan, lifecycle, lifecycle.budget.tests_end)
            self._diagnose(lifecycle)
            if not self._narrowed():
                self._start()

    def _found(self, plan: Plan) -> list[CellView]:
        """Cells with the builds that exist already: listing tests builds nothing."""
        builder = self.parts.builder(self.settings)
        cells = []
        for cell in plan.primary:
            build = builder.find(cell.source)
            if build is None:
                raise UsageError(
                    f"{cell.source} is not built yet, so its specs cannot be listed",
                    hint=f"build it with: harness build {cell.source}",
                )
            cells.append(CellView(cell.name, build.folder, plan.clusters(cell.name), cell.suites))
        return cells

    def _publish(self, cells: Sequence[CellView], plan: Plan, lifecycle: Lifecycle | None, deadline: float) -> None:
        context = Context(
            settings=self.settings,
            suites_root=self.suites_root,
            suites=plan.suites if plan.picks else self.settings.suite,
            cells=tuple(cells),
            folder=lifecycle.folder if lifecycle else None,
            deadline=deadline,
            done=finished(lifecycle.folder.results) if lifecycle and self.resumed else (),
            picks=plan.picks,
        )
        check_tests(self.settings, self.settings.suite, self.suites_root)
        check_nested(suites_in(context), self.settings, told_timeout(self.config))
        check_narrowing(context, *check_selections(context))
        self.config.stash[KEY] = context
        if lifecycle:
            assert self.recorder is not None
            forget(lifecycle.folder, [cell.name for cell in cells])
            self.paces = Paces(
                lifecycle.ledger,
                int(self.config.getoption("numprocesses", None) or 1),
                lambda lane: context.cell(lane[0]).clusters[lane[1]],
            )
            self.distribution = Distribution(
                self.config,
                context,
                limits_of(context),
                self._start,
                self.recorder,
                self.paces.capacity,
                lifecycle,
                self._cell_finished,
            )
            self.config.pluginmanager.register(self.distribution)

    def _diagnose(self, lifecycle: Lifecycle) -> None:
        """Collect evidence about failures from here on."""
        assert lifecycle.cloud is not None
        for cell in lifecycle.plan.cells:
            unread.forget(lifecycle.folder.cell(cell.name).leases)
        self.diagnosis = Diagnosis(
            lifecycle.folder, lifecycle.cloud, lambda cell, text: lifecycle.ledger.append("progress", cell, text=text)
        )
        self.config.pluginmanager.register(self.diagnosis)

    def _cell_finished(self, cell: str) -> None:
        """A cell makes room as soon as its tests are done, and does not wait for the others."""
        assert self.lifecycle is not None
        last = partial(Ending(self.lifecycle, self._write).look_back_at, cell, self.diagnosis)
        self.lifecycle.retire(cell, failed=self.recorder.failed if self.recorder else False, first=last)

    def _narrowed(self) -> bool:
        """Whether the command line may leave nothing to run; then clusters wait until collection has found something."""
        option = self.config.option
        chosen = [getattr(option, name, None) for name in ("keyword", "markexpr", "lf", "stepwise", "deselect")]
        chosen += [self.resumed, is_narrowed(self.settings)]
        return any(chosen) or any("::" in str(argument) for argument in self.config.args)

    def _start(self) -> None:
        assert self.lifecycle is not None
        if self.started:
            return
        self.started = True
        with one_line():
            self.lifecycle.start()
        left = max(0.0, self.lifecycle.budget.tests_end - time.time())
        self.timer = Timer(left, self._end_tests)
        self.timer.daemon = True
        self.timer.start()

    def _end_tests(self) -> None:
        self.overdue = True
        os.kill(os.getpid(), signal.SIGTERM)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without xdist, this process collects, and runs cell after cell if one waits for another to leave."""
        if session.items and self.lifecycle:
            self._start()
            context = self.config.stash[KEY]
            assert context is not None
            cells = [cell.name for cell in context.cells]
            self.cell_of = {item.nodeid: cell_of(item, context) for item in session.items}
            if self.lifecycle.crowded:
                order = {name: number for number, name in enumerate(["", *cells])}
                session.items.sort(key=lambda item: order[self.cell_of[item.nodeid]])
            self.left = Counter(self.cell_of[item.nodeid] for item in session.items)
            for cell in cells:
                if not self.left[cell]:
                    self.lifecycle.unused(cell)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Without xdist, this process knows when a cell's last test has run."""
        cell = self.cell_of.get(nodeid, "")
        self.left[cell] -= 1
        if cell and self.left[cell] == 0 and self.session and self.lifecycle and self.lifecycle.crowded:
            self._repeat([item for item in self.session.items if self.cell_of[item.nodeid] == cell])
            let_go(self.session, cell)
            self._cell_finished(cell)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.recorder:
            self.recorder.began(nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        """Before pytest and xdist count failures: what is going to be repeated is none yet."""
        if self.recorder:
            self.recorder.add(report)
        if not self.preferred and self._supervised:  # a session that is not only ours keeps its priority
            self.preferred = True
            set_session_priority(os.getpid(), HIGH)
        return (yield)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, object] | None:
        """How a failure that is going to be repeated is shown."""
        return ("rerun", "R", ("RERUN", {"yellow": True})) if str(report.outcome) == "rerun" else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Without xdist, failures are repeated here, after everything else; with it, by the scheduler."""
        result = yield
        self._repeat(list(getattr(session, "items", ())))
        return result

    def _repeat(self, items: Sequence[pytest.Item]) -> None:
        while self.recorder and (failed := [item for item in items if self.recorder.take_again(item.nodeid)]):
            for item in failed:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """xdist ends ``-x`` and ``--maxfail`` by an interrupt of its own, which is none of a person's; but so does a signal to a worker."""
        self.aborted = excinfo.typename != "Interrupted" or INTERRUPTED in str(excinfo.value)
        if self.aborted and self.lifecycle:
            why = "deadline" if self.overdue else self.stops.first or "SIGINT"
            note_stop(self.lifecycle.folder, why)
            if self.distribution:
                stop(self.distribution.workers.values())
            if self.recorder:
                self.recorder.cut_off(why)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Tests are over: from here on a signal must not break off what ends workers and clusters."""
        self.stops.raising = False

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Where the run's folder is; a hint for what is left comes after teardown."""
        if self.lifecycle:
            terminalreporter.write_line(f"run {self.lifecycle.plan.run}: {self.lifecycle.folder.path}")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Take everything down; a signal meanwhile changes nothing, a second one leaves it to a process of its own."""
        self.stops.raising = False
        if self.lifecycle is not None:
            self._finish(self.lifecycle)
        self.stops.restore()

    def _finish(self, lifecycle: Lifecycle) -> None:
        if self.timer:
            self.timer.cancel()
        if self.paces:
            self.paces.close()
        ending = Ending(lifecycle, self._write)
        if self.aborted and not self._supervised:
            ending.report_early()
        end = partial(self._end, ending)
        uncut(lifecycle.folder, self.stops, end, self._write, may_leave=lambda: not self._supervised)
        if self.stops.count and not self.aborted:
            self.aborted = True
            note_stop(lifecycle.folder, self.stops.first)
        if self.lines:
            self.lines.close()
        for line in read_leftovers(lifecycle.folder.path / LEFTOVERS):
            self._write(f"left behind: {line}")
        self._remember()
        if self.session is None:
            return
        if not self._supervised:
            self.session.exitstatus = ending.report(int(self.session.exitstatus), aborted=self.aborted)
        elif self.aborted:
            self.session.exitstatus = EXIT_CODES[Outcome.ABORTED]

    def _end(self, ending: Ending) -> None:
        if self.started:
            ending.prove(self.config, aborted=self.aborted)
        if self.diagnosis:
            ending.look_back(self.diagnosis, aborted=self.aborted)
        failed = self.recorder.failed if self.recorder else False
        ending.lifecycle.finish(aborted=self.aborted, failed=failed)

    @property
    def _supervised(self) -> bool:
        """Whether a living supervisor decides, and reports."""
        return self.supervisor is not None and self.supervisor.alive

    def _remember(self) -> None:
        if self.recorder and self.recorder.durations:
            try:
                remember(self.settings.cache / DURATIONS, self.recorder.durations)
            except (OSError, HarnessError) as error:  # only the order of the next run suffers
                self._write(f"durations were not kept: {error}")

    def _write(self, text: str) -> None:
        if self.console and self.config.option.verbose >= 0:
            self.console.write(text)

    def _within_line(self) -> bool:
        """Whether pytest is in the middle of a line of progress."""
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        return bool(reporter and reporter.currentfspath)
