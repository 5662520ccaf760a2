"""``harness run``: the whole way, from source to JUnit, with nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.cli.session import supervised
from harness.runs.folder import RunFolder
from harness.runs.host import preflight
from harness.runs.parts import Parts
from harness.runs.plan import make_plan, save_plan


@click.command("run")
@setting_options()
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(pytest_arguments: tuple[str, ...], **flags: Any) -> int:
    """Build, bring clusters up, run the suites, take everything down, report.

    What follows -- goes to pytest: harness run -- -k dns -x
    """
    settings = settings_from(flags)
    preflight(settings)
    parts = Parts()
    plan = make_plan(settings, parts, Path.cwd())
    folder = RunFolder.create(settings.reports, plan.run)
    save_plan(folder, settings, plan)
    return supervised(settings, plan, folder, parts, pytest_arguments)
