"""``harness compare``: two runs, or builds of Jenkins, side by side; with ``--fail-on``, a gate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.errors import EXIT_CODES, Outcome
from harness.reporting.comparison.api import GATES, Comparison

_EPILOG = (
    "RUN and BASE are a run's id or folder, the address of a Jenkins build (of a job: its last stable build) or a saved "
    "testReport/api/json. BASE may be last-green: the last green run, or stable build, before RUN; "
    "without it, that or else the one before is taken."
)


@click.command("compare", epilog=_EPILOG)
@click.argument("run", default="latest")
@click.argument("base", default="", metavar="[BASE|last-green]")
@click.option(
    "--format", "kind", type=click.Choice(["text", "markdown", "json"]), default="text", help="What to print.  [text]"
)
@click.option(
    "--fail-on",
    "gates",
    multiple=True,
    type=click.Choice([*GATES, "any"]),
    help="Exit code 1 if there is any of these (repeatable).",
)
@click.option(
    "--expected",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Exit code 1 if fewer tests were executed than FILE expects.",
)
@click.option(
    "--write-expected", type=click.Path(path_type=Path), metavar="FILE", help="Write that file: as many as in RUN."
)
@click.option(
    "--partial",
    is_flag=True,
    help="RUN is a part on purpose, such as one suite: cells and suites that it does not have are neither gone nor expected.",
)
@click.option(
    "--checkout",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A clone of Kubernetes; lists the commits between the two versions.",
)
@setting_options("reports")
def command(
    run: str,
    base: str,
    kind: str,
    gates: Sequence[str],
    expected: Path | None,
    write_expected: Path | None,
    partial: bool,
    checkout: Path | None,
    **flags: Any,
) -> int:
    """What is new, fixed, still failing, flaky, gone or slower in RUN (the newest by default) against BASE."""
    from harness import atomic
    from harness.reporting.comparison.commits import ranges
    from harness.reporting.comparison.expected import manifest, shortfalls
    from harness.reporting.comparison.sides import compared

    found = compared(settings_from(flags).reports, run, base, os.environ)
    found = replace(
        found,
        ranges=ranges(found.run, found.base, found.pairs, checkout),
        shortfalls=shortfalls(found.run, expected, partial=partial) if expected else (),
        lost=() if partial else found.lost,
    )
    if write_expected:
        atomic.write(write_expected, manifest(found.run))
    click.echo(_rendered(found, kind), nl=False)
    return _code(found, gates)


def _rendered(found: Comparison, kind: str) -> str:
    if kind == "json":
        from harness.reporting.comparison.plain import render
    elif kind == "markdown":
        from harness.reporting.markdown import render_comparison as render
    else:
        from harness.reporting.comparison.text import render
    return render(found)


def _code(found: Comparison, gates: Sequence[str]) -> int:
    """A run that says nothing about the product cannot pass a gate: it keeps its own exit code."""
    if gates and not found.run.judged:
        return EXIT_CODES[found.run.outcome]
    wanted = GATES if "any" in gates else gates
    lost = found.lost and "vanished" in wanted
    if found.shortfalls or lost or any(getattr(found, gate) for gate in wanted):
        return EXIT_CODES[Outcome.FAILED]
    return 0
