"""``harness history``: every run of the reports folder, as a page and as lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.reporting.history.api import RunRecord


@click.command("history")
@click.option(
    "--last", default=20, metavar="N", help="Runs to list; the page has all.  [20]", type=click.IntRange(min=0)
)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write the page.  [REPORTS/history.html]"
)
@setting_options("reports")
def command(last: int, output: Path | None, **flags: Any) -> None:
    """List the newest runs, and write a page of all of them and of the tests that were not always green."""
    from harness import atomic
    from harness.reporting.history.index import history
    from harness.reporting.history.page import FILE, render

    reports = settings_from(flags).reports
    path = output or reports / FILE
    with history(reports) as past:
        atomic.write(path, render(past))
        for record in past.runs[-last:] if last else ():
            click.echo(_line(record))
    click.echo(path)


def _line(run: RunRecord) -> str:
    versions = ", ".join(dict.fromkeys(track.version for track in run.tracks))
    outcome = "running" if run.running else str(run.outcome)
    return f"{run.run}  {outcome:<10} {run.ran:>5} executed {run.failed:>4} failed {run.flaky:>3} flaky  {versions}"
