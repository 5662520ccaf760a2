"""What ``harness run`` and ``harness test`` share: pytest's arguments, the supervisor, the reports, the last line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from harness import reporting
from harness.cli.screen import Screen
from harness.cli.supervisor import Supervisor
from harness.errors import EXIT_CODES, Outcome
from harness.reporting.console import summary
from harness.runs.api import Phase, Plan
from harness.runs.folder import RunFolder
from harness.runs.handover import note_stop
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts
from harness.runs.phases import recorded
from harness.runs.plan import suites_folder
from harness.runs.signals import Stops
from harness.runs.state import worst
from harness.settings import Settings

_TAIL = 20


def supervised(settings: Settings, plan: Plan, folder: RunFolder, parts: Parts, extra: Sequence[str]) -> int:
    """Test this run's clusters, clean up, report; the exit code of the command."""
    suites = suites_folder(Path.cwd())
    arguments = [
        *(str(suites / name) for name in plan.suites),
        *("--run-folder", str(folder.path), "--numprocesses", str(settings.tests), "--tests", str(settings.tests)),
        *("--conformance", settings.conformance, "--deadline", settings.deadline),
        *("--reruns", str(settings.reruns), "--infra-reruns", str(settings.infra_reruns)),
        *_narrowing(settings),
        *extra,
    ]
    screen = Screen()
    screen.say(f"run {plan.run}: {', '.join(cell.name for cell in plan.cells)}; {', '.join(plan.suites)}")
    screen.say(f"output of pytest: {folder.log}")
    stops = Stops()
    with stops.noted():
        supervisor = Supervisor(settings, plan, folder, parts, screen.say, stops)
        with screen.watching(folder):
            outcome = supervisor.run(arguments, suites.parent)
        if outcome in (Outcome.HARNESS, Outcome.ABORTED, Outcome.SKIPPED) and not stops.count:
            _explain(folder)
        outcome = _reported(folder, outcome, screen, stops)
    return EXIT_CODES[outcome if not stops.count else worst([outcome, Outcome.ABORTED])]


def _reported(folder: RunFolder, outcome: Outcome, screen: Screen, stops: Stops) -> Outcome:
    """Reports that also say so if a signal came while they were being written."""
    before = stops.count
    outcome = _report(folder, outcome, screen)
    if stops.count and not before:
        note_stop(folder, stops.first)
        outcome = _report(folder, worst([outcome, Outcome.ABORTED]), screen)
    return outcome


def _narrowing(settings: Settings) -> list[str]:
    """Flags that choose among the specs; with ``=``, since a pattern may begin with a dash."""
    given = [("--label-filter", settings.label_filter)] if settings.label_filter else []
    given += [("--focus", text) for text in settings.focus] + [("--skip", text) for text in settings.skip]
    given += [("--deselect-from", path) for path in settings.deselect_from]
    return [f"{flag}={text}" for flag, text in given]


def _report(folder: RunFolder, outcome: Outcome, screen: Screen) -> Outcome:
    """Write and summarise the reports, whose outcome is the run's; their failure is one of the harness, and never hides a worse outcome."""
    try:
        with recorded(Ledger(folder.ledger), "", Phase.REPORT):
            report = reporting.write(folder.path)
    except Exception as error:
        screen.say(f"reports could not be written: {error}; again with: harness report {folder.path.name}")
        return outcome if outcome not in (Outcome.PASSED, Outcome.FLAKY) else Outcome.HARNESS
    screen.console.print()
    screen.console.print(summary(report), soft_wrap=True)
    return report.outcome


def _explain(folder: RunFolder) -> None:
    """pytest itself failed: its last words."""
    for line in folder.log.read_text(errors="replace").splitlines()[-_TAIL:]:
        click.echo(f"    {line}", err=True)
