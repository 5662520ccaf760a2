"""``harness down``: remove a run's clusters from its ledger alone, whoever made them and however that ended."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import run_option, setting_options, settings_from
from harness.cli.screen import Screen
from harness.errors import EXIT_CODES, LeakError, Outcome
from harness.runs.folder import RunFolder
from harness.runs.handover import uncut
from harness.runs.ledger import Ledger
from harness.runs.ownership import give_up_foreign, stop_owners
from harness.runs.parts import Parts
from harness.runs.signals import Stops
from harness.runs.state import RunState, worst
from harness.runs.teardown import SECONDS, teardown


@click.command("down")
@run_option
@click.option("--host-gone", is_flag=True, help="The other host whose process works on the run is gone: take over.")
@setting_options("reports")
def command(run: str, host_gone: bool, **flags: Any) -> int:
    """Stop a run if it is still going, delete all it made, kept clusters too, and prove that nothing is left."""
    folder = RunFolder.find(settings_from(flags).reports, run)
    screen, stops = Screen(), Stops(raising=True)
    with screen.watching(folder), stops.noted():
        if host_gone:
            give_up_foreign(folder)
        stop_owners(folder, SECONDS, screen.say)
        stops.raising = False
        outcome = uncut(folder, stops, lambda: teardown(folder, kept=True, parts=Parts(), role="down"), screen.say)
    if stops.count:
        outcome = worst([outcome, Outcome.ABORTED])
    left = RunState.of(Ledger(folder.ledger).read()).remaining
    if left:
        raise LeakError(
            f"take down run {folder.path.name}",
            last_seen="left: " + ", ".join(f"{kind} {name}" for kind, name in left),
            hint=f"see {folder.ledger}, then: harness down --run {folder.path.name}",
        )
    click.echo(f"run {folder.path.name}: nothing is left")
    return EXIT_CODES[outcome] if outcome is not Outcome.PASSED else 0
