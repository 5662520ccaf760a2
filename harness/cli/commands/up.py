"""``harness up``: clusters to work with by hand, until ``harness down`` or until they expire."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.cli.screen import Screen
from harness.runs.api import Keep
from harness.runs.host import preflight
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.state import RunState


@click.command("up")
@setting_options()
def command(**flags: Any) -> None:
    """Build and bring clusters up; the last line on stdout is the run id that test, down and status take."""
    settings = settings_from(flags)
    preflight(settings)
    lifecycle = Lifecycle.open(settings, None)
    signal.signal(signal.SIGTERM, _interrupt)
    with Screen(stderr=True).watching(lifecycle.folder):
        try:
            lifecycle.prepare()
            lifecycle.start()
            lifecycle.join()
        except BaseException:
            lifecycle.finish(aborted=True)
            raise
        state = RunState.of(Ledger(lifecycle.folder.ledger).read())
        failures = [failure for cell in lifecycle.plan.cells if (failure := state.failure(cell.name))]
        lifecycle.finish(aborted=False, keep=None if failures else Keep.ALWAYS)
    if failures:
        raise failures[0].error()
    for cell in state.clusters:
        click.echo(f"export KUBECONFIG={lifecycle.folder.cell(cell).path / 'kubeconfig'}", err=True)
    click.echo(lifecycle.plan.run)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
