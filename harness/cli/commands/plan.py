"""``harness plan``: what a run with the same flags would build and test, and why; makes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from harness.builds.api import Build
from harness.cli.options import setting_options, settings_from
from harness.ginkgo.inventory import load_inventory
from harness.ginkgo.selection import load_selection
from harness.runs.api import Cell, Plan
from harness.runs.changes.picks import Pick
from harness.runs.changes.since import changed_since
from harness.runs.matrix import expanded, wanted_cells
from harness.runs.parts import Parts
from harness.runs.plan import make_plan, suites_folder
from harness.settings import Settings

_COMMIT = 12


@click.command("plan")
@setting_options()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(as_json: bool, **flags: Any) -> None:
    """Show cells, suites and specs, what is built already, and with --changed-since why each suite was picked."""
    settings = settings_from(flags)
    parts = Parts()
    plan = make_plan(settings, parts, Path.cwd())
    builder = parts.builder(settings)
    builds = {cell.name: builder.find(cell.source) for cell in plan.primary}
    if as_json:
        click.echo(json.dumps(_data(plan, builds), indent=2))
        return
    _show(_cells(plan, builds))
    click.echo()
    if settings.changed_since:
        _changes(expanded(settings, wanted_cells(settings)))
    counts = _counts(plan, settings, next(filter(None, builds.values()), None))
    _show([("suite", "specs", "why"), *_suites(plan, counts)])


def _cells(plan: Plan, builds: dict[str, Build | None]) -> list[tuple[str, ...]]:
    """A table without columns that say nothing."""
    rows = [_row(cell, builds[cell.name], len(plan.clusters(cell.name))) for cell in plan.primary]
    titles = [name for name in rows[0] if any(row[name] for row in rows)]
    return [tuple(titles), *(tuple(row[name] for name in titles) for row in rows)]


def _row(cell: Cell, build: Build | None, clusters: int) -> dict[str, str]:
    return {
        "cell": cell.name,
        "source": cell.source,
        "build": "is built" if build else "to build",
        "clusters": str(clusters) if clusters > 1 else "",
        "suites": ", ".join(cell.suites),
        "owner": cell.owner,
    }


def _changes(settings: Settings) -> None:
    for changed in changed_since(settings):
        count = len(changed.paths)
        click.echo(
            f"{changed.name}: {count} changed file{'' if count == 1 else 's'} since {settings.changed_since} "
            f"({changed.base[:_COMMIT]})"
        )
    click.echo()


def _suites(plan: Plan, counts: dict[str, int]) -> Iterable[tuple[str, ...]]:
    picks = {pick.suite: pick for pick in plan.picks}
    for suite in plan.suites:
        pick = picks.get(suite)
        number = str(counts[suite]) if suite in counts else "?"
        first, *more = (_reasons(pick) if pick else ()) or ("asked for",)
        yield suite, number, first
        for reason in more:
            yield "", "", reason


def _reasons(pick: Pick) -> tuple[str, ...]:
    added = f"; specs: {' | '.join(pick.specs)}" if pick.specs and not pick.whole else ""
    return (*pick.why[:-1], pick.why[-1] + added) if pick.why else ()


def _counts(plan: Plan, settings: Settings, build: Build | None) -> dict[str, int]:
    """Specs of each suite; nothing is known of them before there is a build."""
    if build is None:
        return {}
    specs = load_inventory(build.inventory)
    picks = {pick.suite: pick for pick in plan.picks}
    folder = suites_folder(Path.cwd())
    return {
        suite: sum(
            len(picks.get(suite, Pick(suite, whole=True)).choose(load_selection(path), specs, settings.conformance))
            for path in sorted((folder / suite).rglob("*specs.yaml"))
        )
        for suite in plan.suites
    }


def _data(plan: Plan, builds: dict[str, Build | None]) -> dict[str, Any]:
    return {
        "cells": [
            {
                **asdict(cell),
                "build": str(found.folder) if (found := builds[cell.name]) else None,
                "clusters": len(plan.clusters(cell.name)),
            }
            for cell in plan.primary
        ],
        "suites": list(plan.suites),
        "picks": [asdict(pick) for pick in plan.picks],
    }


def _show(rows: Iterable[tuple[str, ...]]) -> None:
    """Columns as wide as what is in them."""
    table = list(rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
