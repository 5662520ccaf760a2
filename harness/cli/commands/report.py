"""``harness report``: make a run's reports again from its ledger and results."""

from __future__ import annotations

from typing import Any

import click

from harness import reporting
from harness.cli.options import setting_options, settings_from
from harness.runs.folder import RunFolder


@click.command("report")
@click.argument("run", default="latest")
@setting_options("reports")
def command(run: str, **flags: Any) -> None:
    """Write JUnit and HTML of RUN (its id or folder; the newest by default) again."""
    folder = RunFolder.find(settings_from(flags).reports, run)
    reporting.write(folder.path)
    click.echo(folder.path / "index.html")
