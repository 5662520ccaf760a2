"""Progress of a run while it goes on: a small live panel on a terminal, else one plain line an event, fit for a CI log.

Both only read the run's folder, so any process can show any run.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from threading import Event

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.errors import Outcome, UsageError
from harness.reporting import words
from harness.reporting.api import TestResult
from harness.reporting.console import style
from harness.reporting.record import BAD
from harness.reporting.text import line
from harness.reporting.watch import CellWatch, Clock, News, Watch
from harness.runs.api import Phase
from harness.runs.folder import RunFolder
from harness.runs.ledger import Entry
from harness.runs.plan import load_plan

_POLL = 0.25
_COUNT_EVERY = 10.0


class Progress:
    """Shows one run until it is told to stop.

    :param since: Unix time; what happened before counts, but is not told (``harness test`` on a run of yesterday).
    """

    def __init__(self, run_folder: Path, console: Console, *, since: float = 0.0, clock: Clock = time.time) -> None:
        self._watch = Watch(RunFolder(run_folder), clock, since)
        self._console = console
        self._clock = clock
        self._began = clock()
        self._counted_at = clock()
        self._counted = ""
        self._several = _cells(RunFolder(run_folder)) != 1

    def follow(self, stop: Event) -> None:
        """Show what happens until ``stop`` is set, and then what is left to tell."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            with Live(console=self._console, auto_refresh=False, transient=True, get_renderable=self.panel) as live:
                self._loop(stop, live)
        else:
            self._loop(stop, None)

    def tell(self) -> None:
        """One look: print what is new."""
        for row in self._lines(self._watch.look()):
            self._print(row)
        if self._clock() - self._counted_at >= _COUNT_EVERY:
            self._count()

    def panel(self) -> RenderableType:
        """The state of things in a few rows."""
        table = Table.grid(padding=(0, 2))
        for name, cell in self._watch.cells.items():
            if name and cell.phase:
                table.add_row(f"  {name}", *_cell_row(cell, self._clock()))
        run = self._watch.folder.path.name
        title = Text.assemble(("run ", "bright_black"), run, "  ", words.duration(self._clock() - self._began))
        return Group(title, table, *self._bar())

    def _loop(self, stop: Event, live: Live | None) -> None:
        stopped = False
        while not stopped:
            stopped = stop.wait(_POLL)  # once more after the stop: the last lines came before it
            if live is None:
                self.tell()
                continue
            for row in self._lines(self._watch.look()):
                self._print(row)
            live.refresh()
        if live is None:
            self._count()

    def _bar(self) -> Iterable[RenderableType]:
        watch = self._watch
        if not watch.done and not watch.testing:
            return
        bar = ProgressBar(total=max(watch.planned, watch.done, 1), completed=watch.done, width=30)
        grid = Table.grid(padding=(0, 2))
        grid.add_row("  tests", bar, self._tests())
        yield grid

    def _tests(self) -> Text:
        watch = self._watch
        total = f" of {watch.planned}" if watch.planned >= watch.done else ""
        text = Text(f"{watch.done}{total} done")
        if watch.failed:
            text.append(f", {watch.failed} failed", style(Outcome.FAILED))
        if watch.repeating:
            text.append(", running again")
        if watch.running:
            text.append(f", {watch.running} running")
        if (left := watch.remaining) is not None:
            text.append(f", about {words.duration(left)} left", "bright_black")
        return text

    def _count(self) -> None:
        """The line that stands for all tests that passed; only when something changed."""
        self._counted_at = self._clock()
        counted = f"{self._watch.done} {self._watch.failed}"
        if self._watch.done and counted != self._counted:
            self._counted = counted
            self._print(Text.assemble("tests: ", self._tests()))

    def _print(self, text: Text) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(self._clock()))
        row = Text.assemble((at, "bright_black"), " ", text)
        self._console.print(row, soft_wrap=True, highlight=False)

    def _where(self, cell: str) -> str:
        return f"[{cell}] " if cell and self._several else ""

    def _lines(self, news: News) -> Iterable[Text]:
        """Phases and failed tests, in the order in which they came."""
        timed: list[tuple[float, Text]] = []
        timed += [(entry.at, row) for entry in news.entries if (row := _entry_line(entry, self._where(entry.cell)))]
        timed += [
            (test.started + test.seconds, _test_line(test, self._where(test.cell)))
            for test in news.results
            if test.outcome in BAD
        ]
        return [row for _, row in sorted(timed, key=lambda item: item[0])]


def _cells(folder: RunFolder) -> int:
    try:
        return len(load_plan(folder)[1].cells)
    except UsageError:  # not written yet
        return 0


def _cell_row(cell: CellWatch, now: float) -> tuple[Text, Text, Text]:
    if cell.state == "started":
        return (
            Text(cell.phase, "blue"),
            Text(words.duration(now - cell.since)),
            Text(line(cell.note, 60), "bright_black"),
        )
    good = cell.state in ("passed", "skipped")
    return Text(cell.phase, "green" if good else "red"), Text(cell.state), Text(line(cell.note, 60), "bright_black")


def _entry_line(entry: Entry, where: str) -> Text | None:
    match entry.kind:
        case "phase":
            return Text.assemble(where, _phase(entry))
        case "creating":
            return Text(f"{where}creating {line(entry.text('resource'))} {line(entry.text('name'))}")
        case "gone" | "kept":
            return Text(f"{where}{line(entry.text('name'))} {entry.kind}")
        case "progress":
            return Text(f"{where}{line(entry.text('text'))}")
    return None


def _phase(entry: Entry) -> Text:
    phase, state = line(entry.text("phase")), line(entry.text("state"))
    if state == "started":
        return Text(f"{phase} ...")
    if phase == Phase.TEST and entry.text("outcome") in (Outcome.PASSED, Outcome.FAILED):
        return Text(f"{phase} over")
    seconds = f" in {words.duration(float(entry.fields.get('seconds') or 0))}" if state == "passed" else ""
    message = f": {line(entry.text('message'))}" if entry.text("message") else ""
    good = state in ("passed", "skipped")
    return Text.assemble(f"{phase} ", (state, "green" if good else "bold red"), f"{seconds}{message}")


def _test_line(test: TestResult, where: str) -> Text:
    message = f": {line(test.message)}" if test.message else ""
    return Text.assemble(
        where,
        (str(test.outcome), f"bold {style(test.outcome)}"),
        f" {line(test.name)} ({words.duration(test.seconds)}){message}",
    )
