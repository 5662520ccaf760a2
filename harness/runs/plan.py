"""Settings become a plan: cells, suites, names. Everything that can be known to be wrong is said here, before anything exists."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import harness
from harness import atomic
from harness.builds.api import Resolved
from harness.clouds.api import TAG_CELL, TAG_CREATED, TAG_EXPIRES, TAG_OWNER, TAG_RUN
from harness.errors import UsageError
from harness.runs.api import Cell, Plan
from harness.runs.changes.picks import Pick, pick
from harness.runs.changes.since import changed_since
from harness.runs.checks import check_tests
from harness.runs.deadline import check_order
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.matrix import MatrixCell, expanded, wanted_cells
from harness.runs.parts import Parts
from harness.settings import Settings, duration


def new_run_id(now: float) -> str:
    """``20261123-223010-a1b2``."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def suites_folder(cwd: Path) -> Path:
    """``suites/`` here, or else that of the checkout the harness is installed from."""
    for base in (cwd, Path(harness.__file__).parent.parent):
        if (base / "suites").is_dir():
            return base / "suites"
    raise UsageError(f"no folder suites/ in {cwd}", hint="run this in a checkout of the harness")


def known_suites(folder: Path) -> tuple[str, ...]:
    """Names of the suites: the folders that hold tests or specs."""
    return tuple(
        sorted(
            path.name
            for path in folder.iterdir()
            if path.is_dir()
            and path.name[0] not in "._"
            and (any(path.rglob("test_*.py")) or any(path.rglob("*specs.yaml")))
        )
    )


def make_plan(settings: Settings, parts: Parts, cwd: Path, now: float | None = None) -> Plan:
    """Cells and suites of a new run; raises ``UsageError`` for every unknown source, version, deployer, location form or suite."""
    now = time.time() if now is None else now
    check_order(settings)
    wanted = wanted_cells(settings)
    settings = expanded(settings, wanted)
    for flag, locations in (("--location", settings.location), ("--failover-location", settings.failover_location)):
        for location in locations:
            if not re.fullmatch(r"[a-z0-9]{2,40}", location):
                raise UsageError(f"{flag} {location!r} is not a location", hint="write its short name: westeurope")
    for deployer in settings.deployer:
        parts.deployer(deployer)
    parts.cloud(settings.cloud)
    folder = suites_folder(cwd)
    suites = suites_of(settings.suite, known_suites(folder))
    picks = picks_of(settings, suites, folder) if settings.changed_since else ()
    if picks:
        suites = tuple(pick.suite for pick in picks)
    check_tests(settings, suites, folder)
    wanted = tuple(cell for cell in wanted if not cell.suites or set(cell.suites) & set(suites))
    return Plan(
        run=new_run_id(now),
        cloud=settings.cloud,
        cells=_with_replicas(_cells(settings, wanted, parts), clusters_of(settings, suites, picks, parts)),
        suites=suites,
        owner=settings.owner,
        expires=now + duration(settings.expires),
        picks=picks,
    )


def _cells(settings: Settings, wanted: Sequence[MatrixCell], parts: Parts) -> tuple[Cell, ...]:
    cells: dict[str, Cell] = {}
    _check_once(wanted)
    builder = parts.builder(settings)
    resolved = {source: builder.resolve(source) for source in settings.source}
    for asked in wanted:
        source = pinned(resolved[asked.source], asked.source)
        version = re.sub(r"[^A-Za-z0-9_.+-]", "-", resolved[asked.source].version)
        name = f"{version}-{asked.deployer}-{asked.location}"
        while name in cells:  # two sources of one version
            name += "-2"
        cells[name] = Cell(
            name,
            source,
            asked.deployer,
            asked.location,
            suites=tuple(asked.suites),
            owner=asked.owner,
            asked=asked.source,
        )
    return tuple(cells.values())


def _check_once(wanted: Sequence[MatrixCell]) -> None:
    """Two sources that mean the same just now are two cells: a marker that catches up with another one must not stop a nightly."""
    places = [(cell.source, cell.deployer, cell.location) for cell in wanted]
    for source, deployer, location in places:
        if places.count((source, deployer, location)) > 1:
            raise UsageError(f"{source} on {deployer} in {location} is asked for twice", hint="name each once")


def clusters_of(settings: Settings, suites: Sequence[str], picks: Sequence[Pick], parts: Parts) -> int:
    """Clusters of each cell: as many as was said, or as suit the cloud where many specs are Serial: all of conformance, or a change's."""
    if settings.clusters:
        return settings.clusters
    many = any(pick.serial for pick in picks) or (settings.conformance == "full" and "conformance" in suites)
    return int(getattr(parts.cloud(settings.cloud), "serial_clusters", 1)) if many else 1


def _with_replicas(cells: Sequence[Cell], clusters: int) -> tuple[Cell, ...]:
    further = [
        replace(cell, name=f"{cell.name}.{number}", replica_of=cell.name)
        for cell in cells
        for number in range(2, clusters + 1)
    ]
    return (*cells, *further)


def picks_of(settings: Settings, suites: Sequence[str], folder: Path) -> tuple[Pick, ...]:
    """What the changes since ``--changed-since`` ask for, of these suites; raises ``UsageError`` if that is nothing."""
    paths = [path for changed in changed_since(settings) for path in changed.paths]
    picks = pick(paths, suites, folder)
    if not picks:
        raise UsageError(
            f"nothing of {', '.join(suites)} is picked by what changed since {settings.changed_since}",
            hint="leave --suite out, to have the core set at least",
        )
    return picks


def pinned(resolved: Resolved, source: str) -> str:
    """The source by what cannot move while the run goes on: a branch's commit, a marker's version."""
    return f"{resolved.scheme}:{resolved.reference}" if resolved.reference else source


def suites_of(asked: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The suites that were asked for, or all; raises ``UsageError`` for an unknown one."""
    for name in asked:
        if name not in known:
            raise UsageError(f"unknown suite {name!r}", hint=f"there are: {', '.join(known) or 'none'}")
    return tuple(asked or known)


def group_name(plan: Plan, cell: str, attempt: int = 1) -> str:
    """Resource group of a cell: ``harness-<run>-<n>``, with the number of the attempt behind it from the second on."""
    name = f"harness-{plan.run}-{[item.name for item in plan.cells].index(cell) + 1}"
    return name if attempt == 1 else f"{name}-{attempt}"


def tags(plan: Plan, cell: str, now: float, expires: float) -> dict[str, str]:
    """What everything the run makes carries; both times are Unix times."""
    owners = {item.name: item.owner for item in plan.cells}
    return {
        TAG_RUN: plan.run,
        TAG_OWNER: owners.get(cell) or plan.owner,
        TAG_CELL: cell,
        TAG_CREATED: rfc3339(now),
        TAG_EXPIRES: rfc3339(expires),
    }


def save_plan(folder: RunFolder, settings: Settings, plan: Plan, arguments: Sequence[str] = ()) -> None:
    """Write plan.json by one rename, and the same as a line of the ledger, which then is enough by itself.

    :param arguments: went to pytest, and go there again when the run is resumed.
    """
    raw: dict[str, Any] = {"settings": settings.to_json(), "plan": asdict(plan), "arguments": list(arguments)}
    Ledger(folder.ledger).append("plan", **raw)
    atomic.write(folder.plan, json.dumps(raw, indent=1))


def load_arguments(folder: RunFolder) -> tuple[str, ...]:
    """What :func:`save_plan` was given for pytest."""
    return tuple(_raw_plan(folder).get("arguments", ()))


def load_plan(folder: RunFolder) -> tuple[Settings, Plan]:
    """Read what :func:`save_plan` wrote; raises ``UsageError`` if the folder is not a run's."""
    try:
        raw = _raw_plan(folder)
        settings, plan = raw["settings"], raw["plan"]
        cells = tuple(Cell(**{**cell, "suites": tuple(cell.get("suites", ()))}) for cell in plan["cells"])
        picks = tuple(Pick.from_json(entry) for entry in plan.get("picks", ()))
        whole = {**plan, "cells": cells, "suites": tuple(plan["suites"]), "picks": picks}
        return Settings.from_json(settings), Plan(**whole)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder.plan} is not the plan of a run: {error}", hint="harness status lists the runs"
        ) from error


def _raw_plan(folder: RunFolder) -> Mapping[str, Any]:
    """plan.json, or if it is lost or broken the ledger's copy of it; raises plan.json's own error if neither is there."""
    try:
        raw: Mapping[str, Any] = json.loads(folder.plan.read_text())
    except (OSError, ValueError):
        copies = [entry.fields for entry in Ledger(folder.ledger).read() if entry.kind == "plan"]
        if not copies:
            raise
        return copies[-1]
    return raw


def rfc3339(at: float) -> str:
    """A Unix time as tags hold it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
