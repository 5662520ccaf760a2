"""``harness sweep``: delete what expired or was abandoned, by ledger and by tags."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import PLACES, setting_options, settings_from
from harness.errors import EXIT_CODES, HarnessError, Outcome
from harness.runs.parts import Parts
from harness.runs.state import worst
from harness.runs.sweep import candidates


@click.command("sweep")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@setting_options(*PLACES)
def command(dry_run: bool, **flags: Any) -> int:
    """Delete what expired, and what dead processes left, on one cloud."""
    outcomes = [Outcome.PASSED]
    for item in candidates(settings_from(flags), Parts()):
        click.echo(f"{'would delete' if dry_run else 'deleting'} {item.what}: {item.why}")
        if dry_run:
            continue
        try:
            outcomes.append(item.remove())
        except HarnessError as error:  # the others still have to go
            click.echo(f"harness: {error}", err=True)
            outcomes.append(error.outcome)
    return EXIT_CODES[worst(outcomes)]
