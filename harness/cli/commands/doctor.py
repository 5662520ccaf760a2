"""``harness doctor``: what this host has and lacks, each with the command that puts it right."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.errors import EXIT_CODES, Outcome
from harness.runs.host import Check, examine


@click.command("doctor")
@setting_options("cloud", "cache", "state", "reports")
def command(**flags: Any) -> int:
    """Check this host; exit code 2 if a run could not start."""
    checks = examine(settings_from(flags))
    width = max(len(check.name) for check in checks)
    for check in checks:
        _show(check, width)
    return EXIT_CODES[Outcome.ABORTED if any(check.fatal and not check.ok for check in checks) else Outcome.PASSED]


def _show(check: Check, width: int) -> None:
    word, colour = ("ok", "green") if check.ok else ("missing", "red") if check.fatal else ("low", "yellow")
    fix = "" if check.ok else f"   fix: {check.fix}"
    click.echo(f"{click.style(f'{word:<8}', fg=colour)} {check.name:<{width}}  {check.found}{fix}")
