"""``harness run``: the whole way, from source to JUnit, with nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import setting_options, settings_from, settings_over
from harness.cli.session import supervised
from harness.errors import UsageError
from harness.runs.folder import RunFolder
from harness.runs.host import preflight
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts
from harness.runs.plan import load_arguments, load_plan, make_plan, save_plan
from harness.runs.state import RunState

_PLANNED = (
    "cloud",
    "matrix",
    "source",
    "deployer",
    "location",
    "suite",
    "conformance",
    "clusters",
    "component",
    "changed_since",
)
"""Settings that decide which tests and clusters there are."""


@click.command("run")
@setting_options()
@click.option("--resume", metavar="RUN", help="Go on with this run, which was cut off: only what has no result yet.")
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(pytest_arguments: tuple[str, ...], resume: str | None, **flags: Any) -> int:
    """Build, bring clusters up, run the suites, take everything down, report.

    What follows -- goes to pytest: harness run -- -k dns -x
    """
    if resume:
        return _resume(resume, pytest_arguments, flags)
    settings = settings_from(flags)
    preflight(settings)
    parts = Parts()
    plan = make_plan(settings, parts, Path.cwd())
    folder = RunFolder.create(settings.reports, plan.run)
    save_plan(folder, settings, plan, pytest_arguments)
    return supervised(settings, plan, folder, parts, pytest_arguments)


def _resume(run: str, pytest_arguments: tuple[str, ...], flags: dict[str, Any]) -> int:
    """The run's own plan and pytest arguments again; settings that shape the plan cannot change any more."""
    folder = RunFolder.find(settings_from(flags).reports, run)
    saved, plan = load_plan(folder)
    for name in _PLANNED:
        if flags.get(name):
            raise UsageError(
                f"--{name.replace('_', '-')} cannot change when a run is resumed", hint="start another run for that"
            )
    settings = settings_over(saved, flags)
    preflight(settings)
    if owners := RunState.of(Ledger(folder.ledger).read()).live_owners():
        raise UsageError(f"{owners[0]} works on run {plan.run}", hint="wait for it, or: harness down --run")
    arguments = (*load_arguments(folder), *pytest_arguments, "--resume", str(folder.path))
    return supervised(settings, plan, folder, Parts(), arguments)
