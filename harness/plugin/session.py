"""One pytest session from its command line to the proof that nothing is left, as the controller sees it.

Fixtures cannot own clusters: each worker has its own, and gets five seconds for their teardown after Ctrl-C (pytest-xdist#537). So the
controller owns them, brings them up in the background while workers start, and takes them down in ``pytest_unconfigure``, which
runs after everything else, also after an interrupt.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Generator, Sequence
from threading import Timer
from typing import Any

import pytest
from _pytest.mark.expression import Expression

from harness.errors import EXIT_CODES, HarnessError, Outcome, UsageError
from harness.ginkgo.durations import remember
from harness.plugin.console import Console, LedgerLines
from harness.plugin.context import KEY, CellView, Context, asked_suites, context_of
from harness.plugin.facts import FILE, read_planned
from harness.plugin.namespaces import FILE as LEFTOVERS
from harness.plugin.namespaces import read_leftovers
from harness.plugin.options import run_folder, settings_of
from harness.plugin.recording import Recorder, mark_crash
from harness.plugin.scheduler import SuiteScheduling
from harness.plugin.signals import raise_on_sigterm
from harness.plugin.suites import check_selections, suites_in
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.plan import make_plan
from harness.runs.teardown import signals_held
from harness.runs.verdict import verdict
from harness.settings import Settings

DURATIONS = "durations.tsv"


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Show our own ``UsageError`` as one line, with the exit code that the harness uses for it."""
    try:
        return (yield)
    except pytest.UsageError as error:
        if not isinstance(error.__cause__, UsageError):
            raise
        sys.stderr.write(f"ERROR: {error}\n")
        return EXIT_CODES[Outcome.ABORTED]


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exclusive: nothing else may use the cluster while this test runs")
    given = getattr(config, "workerinput", None)
    if given is not None:
        if "harness" in given:
            config.stash[KEY] = Context.from_json(given["harness"])
            raise_on_sigterm()
        return
    asked = asked_suites(config)
    if asked is None or config.option.help:
        return
    with _usage():
        _check_expressions(config)
        folder = run_folder(config)
        settings = settings_of(config, folder)
        suites = settings.suite or (asked[1] if asked[1] else ())
        if settings.suite and asked[1] and not set(settings.suite) & set(asked[1]):
            raise UsageError(
                f"--suite {', '.join(settings.suite)} and {', '.join(asked[1])} have nothing in common",
                hint="name the suites once",
            )
    settings = settings.changed(suite=suites)
    config.pluginmanager.register(Controller(config, settings, asked[0], folder), "harness-controller")


def _check_expressions(config: pytest.Config) -> None:
    """Under xdist, workers would find a wrong -k or -m after clusters were begun, each with a traceback."""
    for flag, text in (("-k", config.option.keyword), ("-m", config.option.markexpr)):
        try:
            if text:
                Expression.compile(text)
        except SyntaxError as error:
            raise UsageError(f"{flag} {text!r}: {error}", hint="join words with and, or, not") from error


class Controller:
    """Hooks of the process that owns the clusters."""

    def __init__(self, config: pytest.Config, settings: Settings, suites_root: Any, folder: Any) -> None:
        self.config = config
        self.settings = settings
        self.suites_root = suites_root
        self.folder = folder
        self.supervised = config.getoption("run_folder") is not None
        self.parts: Parts = config.hook.pytest_harness_parts(config=config) or Parts()
        self.lifecycle: Lifecycle | None = None
        self.session: pytest.Session | None = None
        self.recorder: Recorder | None = None
        self.console: Console | None = None
        self.lines: LedgerLines | None = None
        self.timer: Timer | None = None
        self.started = False
        self.aborted = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Plan, build, and begin to bring clusters up, before xdist starts its workers."""
        self.session = session
        self.console = Console(self._within_line)
        with _usage():
            if self.config.option.collectonly:
                self._publish(self._found(), None, time.time())
                return
            raise_on_sigterm()
            self.lifecycle = lifecycle = Lifecycle.open(self.settings, self.folder, parts=self.parts)
            self.lines = LedgerLines(lifecycle.ledger, self._write, time.time())
            self._write(f"run {lifecycle.plan.run}: {lifecycle.folder.path}")
            builds = lifecycle.prepare()
            cells = [
                CellView(cell.name, builds[cell.name].folder if cell.name in builds else None)
                for cell in lifecycle.plan.cells
            ]
            planned = lifecycle.folder.path / FILE
            planned.unlink(missing_ok=True)
            self.recorder = Recorder(lifecycle.folder.results, planned)
            self._publish(cells, lifecycle, lifecycle.budget.tests_end)
            if not self._narrowed():
                self._start()

    def _found(self) -> list[CellView]:
        """Cells with the builds that exist already: listing tests builds nothing."""
        plan = make_plan(self.settings, self.parts, self.config.rootpath)
        builder = self.parts.builder(self.settings.cache)
        cells = []
        for cell in plan.cells:
            build = builder.find(cell.source)
            if build is None:
                raise UsageError(
                    f"{cell.source} is not built yet, so its specs cannot be listed",
                    hint=f"build it with: harness build {cell.source}",
                )
            cells.append(CellView(cell.name, build.folder))
        return cells

    def _publish(self, cells: Sequence[CellView], lifecycle: Lifecycle | None, deadline: float) -> None:
        context = Context(
            settings=self.settings,
            suites_root=self.suites_root,
            suites=self.settings.suite,
            cells=tuple(cells),
            folder=lifecycle.folder if lifecycle else None,
            deadline=deadline,
        )
        check_selections(context)
        self.limits = {suite.name: suite.limit for suite in suites_in(context) if suite.limit}
        self.config.stash[KEY] = context

    def _narrowed(self) -> bool:
        """Whether the command line may leave nothing to run; then clusters wait until collection has found something."""
        option = self.config.option
        chosen = [option.keyword, option.markexpr, option.lf, option.deselect]
        return any(chosen) or any("::" in str(argument) for argument in self.config.args)

    def _start(self) -> None:
        assert self.lifecycle is not None
        if self.started:
            return
        self.started = True
        self.lifecycle.start()
        left = max(0.0, self.lifecycle.budget.tests_end - time.time())
        self.timer = Timer(left, os.kill, (os.getpid(), signal.SIGTERM))
        self.timer.daemon = True
        self.timer.start()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without xdist, this process collects."""
        if session.items and self.lifecycle:
            with _usage():
                self._start()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.recorder:
            self.recorder.add(report)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """xdist ends ``-x`` and ``--maxfail`` by an interrupt of its own, which is none of a person's."""
        self.aborted = excinfo.typename != "Interrupted"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Where the run's folder is; a hint for what is left comes after teardown."""
        if self.lifecycle:
            terminalreporter.write_line(f"run {self.lifecycle.plan.run}: {self.lifecycle.folder.path}")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Take everything down; a second Ctrl-C waits until that is done."""
        if self.lifecycle is None:
            return
        with signals_held():
            self._finish(self.lifecycle)

    def _finish(self, lifecycle: Lifecycle) -> None:
        if self.timer:
            self.timer.cancel()
        failed = self.recorder.failed if self.recorder else False
        lifecycle.finish(aborted=self.aborted, failed=failed)
        if self.lines:
            self.lines.close()
        for line in read_leftovers(lifecycle.folder.path / LEFTOVERS):
            self._write(f"left behind: {line}")
        self._remember()
        if self.session is not None and not self.supervised:
            self.session.exitstatus = self._report(lifecycle)

    def _report(self, lifecycle: Lifecycle) -> int:
        """Write reports; the exit code of the run."""
        from harness import reporting

        assert self.session is not None
        outcome = verdict(lifecycle.folder, int(self.session.exitstatus), aborted=self.aborted)
        try:
            reporting.write(lifecycle.folder.path)
        except HarnessError as error:
            self._write(f"reports could not be written: {error}")
        return EXIT_CODES[outcome]

    def _remember(self) -> None:
        if self.recorder and self.recorder.durations:
            try:
                remember(self.settings.cache / DURATIONS, self.recorder.durations)
            except OSError as error:  # only the order of the next run suffers
                self._write(f"durations were not kept: {error}")

    def _write(self, text: str) -> None:
        if self.console and self.config.option.verbose >= 0:
            self.console.write(text)

    def _within_line(self) -> bool:
        """Whether pytest is in the middle of a line of progress."""
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        return bool(reporter and reporter.currentfspath)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_auto_num_workers(self, config: pytest.Config) -> int:
        """``-n auto`` follows what the cluster carries, not the CPUs."""
        return self.settings.tests

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        context = context_of(self.config)
        if context is not None:
            node.workerinput["harness"] = context.to_json()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        if ids:
            with _usage():
                self._start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport, sched: Any) -> None:
        mark_crash(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> SuiteScheduling | None:
        from xdist.workermanage import parse_tx_spec_config

        context = context_of(config)
        if context is None or context.folder is None:
            return None
        planned = context.folder.path / FILE
        workers = len(parse_tx_spec_config(config))
        return SuiteScheduling(workers, lambda: read_planned(planned), self.limits, self._differ)

    def _differ(self, node: Any, expected: Sequence[str], collection: Sequence[str]) -> None:
        """Two workers collected different tests: an error, as xdist reports it."""
        from xdist.report import report_collection_diff

        text = report_collection_diff(expected, collection, "the first worker", node.gateway.id)
        report = pytest.CollectReport(nodeid=node.gateway.id, outcome="failed", longrepr=text, result=[])
        self.config.hook.pytest_collectreport(report=report)


class _usage:  # noqa: N801 - reads as a statement
    """Turns our ``UsageError`` into one that pytest shows as a line; other harness errors end the session as what they are."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UsageError):
            raise pytest.UsageError(str(error)) from error
