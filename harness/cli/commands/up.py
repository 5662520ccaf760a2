"""``harness up``: clusters to work with by hand, until ``harness down`` or until they expire."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.cli.screen import Screen
from harness.errors import EXIT_CODES, Outcome
from harness.runs.api import Keep
from harness.runs.host import preflight
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.state import RunState


@click.command("up")
@setting_options()
def command(**flags: Any) -> int:
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
        clusters = RunState.of(Ledger(lifecycle.folder.ledger).read()).clusters
        everything = len(clusters) == len(lifecycle.plan.cells)
        outcome = lifecycle.finish(aborted=False, keep=Keep.ALWAYS if everything else None)
    for cell in clusters if everything else ():
        click.echo(f"export KUBECONFIG={lifecycle.folder.cell(cell).path / 'kubeconfig'}", err=True)
    click.echo(lifecycle.plan.run)
    return EXIT_CODES[Outcome.PASSED if everything else outcome]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
