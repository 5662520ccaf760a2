"""``harness test``: run suites on clusters that ``harness up`` (or ``--keep``) left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cli.options import run_option, setting_options, settings_from, settings_over
from harness.cli.session import supervised
from harness.errors import UsageError
from harness.runs.folder import RunFolder
from harness.runs.host import preflight
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts
from harness.runs.plan import known_suites, load_plan, suites_folder, suites_of
from harness.runs.state import RunState


@click.command("test")
@run_option
@setting_options(
    "reports",
    "suite",
    "conformance",
    "tests",
    "deadline",
    "step_limit",
    "agent_limit",
    "label_filter",
    "focus",
    "skip",
    "deselect_from",
)
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(run: str, pytest_arguments: tuple[str, ...], **flags: Any) -> int:
    """Run suites on the clusters of an earlier run, which stay up; what follows -- goes to pytest."""
    folder = RunFolder.find(settings_from(flags).reports, run)
    saved, plan = load_plan(folder)
    settings = settings_over(saved, flags)
    preflight(settings)
    state = RunState.of(Ledger(folder.ledger).read())
    if owners := state.live_owners():
        raise UsageError(f"{owners[0]} works on run {plan.run}", hint="wait for it to end")
    if missing := [cell.name for cell in plan.cells if cell.name not in state.clusters]:
        raise UsageError(f"run {plan.run} has no cluster {', '.join(missing)}", hint="bring one up: harness up")
    suites = suites_of(flags["suite"], known_suites(suites_folder(Path.cwd())))
    return supervised(settings, replace(plan, suites=suites), folder, Parts(), pytest_arguments)
