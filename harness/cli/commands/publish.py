"""``harness publish``: a run into a Jenkins it did not run in, into the workspace of the one it did, or into a folder."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from harness import reporting
from harness.cli.options import setting_options, settings_from
from harness.cli.screen import Screen
from harness.errors import UsageError
from harness.runs.folder import RunFolder
from harness.settings import duration

_EPILOG = (
    "Publishing again publishes nothing twice: Jenkins is asked for a build of the run first. Who it is sent for is read from "
    "JENKINS_USER_ID and JENKINS_API_TOKEN."
)


@click.command("publish", epilog=_EPILOG)
@click.argument("run", default="latest")
@click.option(
    "--to",
    default="",
    metavar="URL|DIR",
    help="A Jenkins or its ingest job, or a folder.  [in Jenkins: WORKSPACE/published]",
)
@click.option("--deadline", default="30m", metavar="DURATION", help="When to give up: 90s, 30m, 2h.  [30m]")
@setting_options("reports")
def command(run: str, to: str, deadline: str, **flags: Any) -> None:
    """Publish RUN (its id or folder; the newest by default): its JUnit, reports and log, once."""
    from harness.jenkins.patience import Patience
    from harness.publishing.publication import publication
    from harness.publishing.targets import publisher

    patience = Patience(time.monotonic() + duration(deadline))
    target = publisher(to, os.environ, patience)
    folder = RunFolder.find(settings_from(flags).reports, run)
    report = reporting.write(folder.path)
    if report.running:
        raise UsageError(f"run {report.run} is still going", hint=f"harness status --run {report.run}")
    published = target.publish(publication(report), Screen(stderr=True).say)
    if published.already:
        click.echo(f"{report.run} was published already", err=True)
    click.echo(published.where)
