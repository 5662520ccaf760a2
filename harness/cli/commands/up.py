"""``harness up``: clusters to work with by hand, until ``harness down`` or until they expire."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.cli.screen import Screen
from harness.errors import EXIT_CODES, LeakError, Outcome
from harness.runs.api import Keep
from harness.runs.handover import note_stop, uncut
from harness.runs.host import preflight
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.phases import outcome_of
from harness.runs.signals import Stops
from harness.runs.state import RunState, worst, worst_first
from harness.settings import Settings


@click.command("up")
@setting_options()
def command(**flags: Any) -> int:
    """Build and bring clusters up; the last line on stdout is the run id that test, down and status take."""
    settings = settings_from(flags)
    preflight(settings)
    return bring_up(settings, Parts())


def bring_up(settings: Settings, parts: Parts) -> int:
    """The whole command once the host is known to be fit; its exit code.

    :raises HarnessError: why a cluster did not come up; ``LeakError`` when something of it is left.
    """
    lifecycle = Lifecycle.open(settings, None, parts=parts, role="up")
    screen, stops = Screen(stderr=True), Stops(raising=True)
    with screen.watching(lifecycle.folder), stops.noted():
        error = _try(lifecycle, stops)
        if error:
            note_stop(lifecycle.folder, stops.first or "failure")
        state = RunState.of(Ledger(lifecycle.folder.ledger).read())
        failures = [failure for cell in lifecycle.plan.cells if (failure := state.failure(cell.name))]
        keep = None if error or failures or stops.count else Keep.ALWAYS
        aborted = bool(error or stops.count)
        outcome = uncut(lifecycle.folder, stops, lambda: lifecycle.finish(aborted=aborted, keep=keep), screen.say)
    if stops.count:
        error = KeyboardInterrupt(stops.first)
    elif failures and not error:
        error = min((failure.error() for failure in failures), key=lambda failure: worst_first(failure.outcome))
    if error:
        return _failed(lifecycle, error, outcome)
    for cell in state.clusters:
        click.echo(f"export KUBECONFIG={lifecycle.folder.cell(cell).path / 'kubeconfig'}", err=True)
    click.echo(lifecycle.plan.run)
    return 0


def _try(lifecycle: Lifecycle, stops: Stops) -> BaseException | None:
    """Bring everything up; what broke that off, if something did. From here on signals are only noted."""
    try:
        lifecycle.prepare()
        lifecycle.start()
        lifecycle.join()
    except BaseException as error:
        return error
    finally:
        stops.raising = False
    return None


def _failed(lifecycle: Lifecycle, error: BaseException, ended: Outcome) -> int:
    """What became of a run that did not come up: the worse of why that is and of how it was taken down."""
    run, said = lifecycle.plan.run, f"harness: {error}"
    left = RunState.of(Ledger(lifecycle.folder.ledger).read()).abandoned
    if left or ended is Outcome.LEAK:
        raise LeakError(
            f"take down run {run}, which did not come up",
            last_seen="left: "
            + (", ".join(f"{kind} {name}" for kind, name in left) or f"see {lifecycle.folder.ledger}"),
            hint=f"harness down --run {run}",
            log_tail=said,
        ) from error
    if worst([ended, outcome_of(error)]) is outcome_of(error):
        raise error
    click.echo(said, err=True)
    return EXIT_CODES[ended]
