"""``harness up``: clusters to work with by hand, until ``harness down`` or until they expire."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.cli.screen import Screen
from harness.runs.api import Keep
from harness.runs.handover import note_stop, uncut
from harness.runs.host import preflight
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.signals import Stops
from harness.runs.state import RunState


@click.command("up")
@setting_options()
def command(**flags: Any) -> None:
    """Build and bring clusters up; the last line on stdout is the run id that test, down and status take."""
    settings = settings_from(flags)
    preflight(settings)
    lifecycle = Lifecycle.open(settings, None, role="up")
    screen, stops = Screen(stderr=True), Stops(raising=True)
    with screen.watching(lifecycle.folder), stops.noted():
        try:
            lifecycle.prepare()
            lifecycle.start()
            lifecycle.join()
            stops.raising = False
        except BaseException:
            stops.raising = False
            note_stop(lifecycle.folder, stops.first or "failure")
            uncut(lifecycle.folder, stops, lambda: lifecycle.finish(aborted=True), screen.say)
            raise
        state = RunState.of(Ledger(lifecycle.folder.ledger).read())
        failures = [failure for cell in lifecycle.plan.cells if (failure := state.failure(cell.name))]
        keep = None if failures or stops.count else Keep.ALWAYS
        uncut(lifecycle.folder, stops, lambda: lifecycle.finish(aborted=bool(stops.count), keep=keep), screen.say)
    if stops.count:
        raise KeyboardInterrupt
    if failures:
        raise failures[0].error()
    for cell in state.clusters:
        click.echo(f"export KUBECONFIG={lifecycle.folder.cell(cell).path / 'kubeconfig'}", err=True)
    click.echo(lifecycle.plan.run)
