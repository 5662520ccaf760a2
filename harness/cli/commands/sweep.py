"""``harness sweep``: delete what expired or was abandoned, by ledger, tag and name; on this host also what dead runs left running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness import reporting
from harness.cli.options import PLACES, setting_options, settings_from
from harness.cli.spoken import Spoken
from harness.errors import EXIT_CODES, HarnessError, Outcome, UsageError
from harness.runs.parts import Parts
from harness.runs.state import worst
from harness.runs.sweep import Finding, Swept, carry_out, find
from harness.settings import Settings

_ORPHANS_SECONDS = 300.0
_COLOURS = {"deleted": "green", "would delete": "yellow", "failed": "red"}


@click.command("sweep")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--yes", is_flag=True, help="Delete on --cloud azure, too, where only a dry run is made without it.")
@click.option("--json", "report", type=click.Path(path_type=Path), metavar="FILE", help="Write a report as JSON.")
@setting_options(*PLACES, "expires")
def command(dry_run: bool, yes: bool, report: Path | None, **flags: Any) -> int:
    """Delete what expired, and what dead processes left, on one cloud."""
    settings = settings_from(flags)
    if dry_run and yes:
        raise UsageError("--dry-run and --yes contradict each other", hint="give one of them")
    dry = dry_run or (settings.cloud != "local" and not yes)
    began = time.time()
    swept = [*sweep(settings, Parts(), _show, dry=dry), *_orphans(settings, dry=dry)]
    _sum_up(swept, dry=dry)
    if report is not None:
        _write(report, settings, swept, began, dry=dry)
    return EXIT_CODES[worst([Outcome.PASSED, *(item.outcome for item in swept if item.action == "failed")])]


def sweep(settings: Settings, parts: Parts, show: Callable[[Swept], None], *, dry: bool = False) -> list[Swept]:
    """Delete what may go, and write the reports of runs that died before they had."""
    with parts.cloud(settings.cloud)(settings) as cloud:
        findings = find(settings, parts, cloud)
        swept = carry_out(findings, cloud, show, dry_run=dry)
    if not dry:
        _report_on(findings)
    return swept


def _show(item: Swept) -> None:
    """One line for whatever is touched; what is left alone is only counted, unless it looks as if it should not be."""
    colour = _COLOURS.get(item.action)
    if colour is None and item.why.startswith("expires in"):
        return
    name = f"{item.kind} {item.name or item.run}" + (f" of run {item.run}" if item.name and item.run else "")
    why = f"{item.why}; {item.message}" if item.message else item.why
    click.echo(f"{click.style(f'{item.action:<12}', fg=colour)} {name}: {Spoken.current().mask(why)}")


def _sum_up(swept: Sequence[Swept], *, dry: bool) -> None:
    counts = {
        action: sum(item.action == action for item in swept) for action in ("deleted", "would delete", "left", "failed")
    }
    said = ", ".join(f"{count} {action}" for action, count in counts.items() if count) or "nothing of ours is there"
    click.echo(f"sweep: {said}")
    if dry and counts["would delete"]:
        click.echo("nothing was deleted; to delete: harness sweep --yes")


def _report_on(findings: Sequence[Finding]) -> None:
    """Reports of runs whose processes died before they had written them."""
    for finding in findings:
        if finding.folder is None:
            continue
        try:
            reporting.write(finding.folder.path)
        except HarnessError as error:
            click.echo(Spoken.current().mask(f"harness: reports of run {finding.run}: {error}"), err=True)


def _orphans(settings: Settings, *, dry: bool) -> Iterator[Swept]:
    """What servers of local Azure left on this host whose state folder is gone."""
    if settings.cloud != "local" or os.geteuid() != 0:
        return
    argv = [sys.executable, "-m", "harness.localazure", "orphans", *(() if dry else ("--remove",))]
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=_ORPHANS_SECONDS, check=True
    )
    for raw in map(json.loads, done.stdout.splitlines()):
        failure = str(raw["failure"])
        action = "would delete" if dry else "failed" if failure else "deleted"
        outcome = Outcome.LEAK if failure else Outcome.PASSED
        item = Swept("fabric", str(raw["state"]), "", str(raw["why"]), action, outcome, failure)
        _show(item)
        yield item


def _write(path: Path, settings: Settings, swept: Sequence[Swept], began: float, *, dry: bool) -> None:
    document = {
        "cloud": settings.cloud,
        "subscription": settings.subscription,
        "at": began,
        "seconds": round(time.time() - began, 3),
        "dry_run": dry,
        "items": [replace(item, message=Spoken.current().mask(item.message)).to_json() for item in swept],
    }
    try:
        path.write_text(json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"--json {path} cannot be written: {error.strerror}", hint="choose another file") from error
