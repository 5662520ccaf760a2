"""``harness status``: what exists, who holds it, when it expires, and the command that removes it."""

from __future__ import annotations

import time
from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.runs.folder import RunFolder
from harness.runs.status import RunStatus, status, status_of


@click.command("status")
@click.option("--run", "run", default="", metavar="ID", help="Only this run, with its phases.")
@setting_options("reports")
def command(run: str, **flags: Any) -> None:
    """What exists, who holds it, when it expires, and the command that removes it."""
    reports = settings_from(flags).reports
    if run:
        found = status_of(RunFolder.find(reports, run))
        _show(found)
        _phases(found)
        return
    existing = [item for item in status(reports) if item.what != "gone"]
    for item in existing:
        _show(item)
    if not existing:
        click.echo(f"nothing exists (ledgers in {reports})")


def _show(item: RunStatus) -> None:
    if item.problem:
        click.echo(f"{item.run}  {item.what}: {item.problem}")
        return
    holder = f"held by {', '.join(map(str, item.owners))}" if item.owners else "held by nobody"
    click.echo(f"{item.run}  {item.what}, {item.cloud}, {holder}, {_left(item.expires)}")
    for resource in item.resources:
        click.echo(f"  {resource.kind} {resource.name}  {resource.cell}, {resource.location}")
    for lease in item.leases:
        click.echo(f"  {lease}, {time.time() - lease.since:.0f} s")
    if item.what != "gone":
        click.echo(f"  remove: harness down --run {item.run}")


def _phases(item: RunStatus) -> None:
    for (cell, phase), state in item.state.phases.items():
        outcome = state.outcome or state.state
        text = f"  {state.message}" if state.message else ""
        click.echo(f"  {cell or 'run':<32} {phase:<12} {outcome:<10} {state.seconds:8.1f} s{text}")


def _left(expires: float) -> str:
    seconds = expires - time.time()
    hours, minutes = divmod(int(abs(seconds)) // 60, 60)
    return f"expires in {hours}h{minutes:02}m" if seconds > 0 else f"expired {hours}h{minutes:02}m ago"
