"""What the scheduler, the recorder and the reports need to know of an item; ``planned.json`` holds it for every planned item.

Workers collect and the controller does not, so the first worker that has collected writes the file before it reports its ids.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from harness.plugin.context import Context
from harness.plugin.items import SpecItem

FILE = "planned.json"
_UNKNOWN = 20.0


@dataclass(frozen=True)
class ItemFacts:
    """One item."""

    nodeid: str
    suite: str
    cell: str
    """Empty if the test needs no cluster."""
    name: str
    classname: str
    exclusive: bool
    expected: float
    """Seconds."""
    labels: tuple[str, ...] = ()
    spec: bool = False
    """Whether it is one of upstream's."""


def cell_of(item: pytest.Item, context: Context) -> str:
    """Name of the cell whose cluster the item uses; empty if it uses none."""
    if isinstance(item, SpecItem):
        return item.cell.name
    if "cluster" not in getattr(item, "fixturenames", ()):
        return ""
    callspec = getattr(item, "callspec", None)
    given = callspec.params.get("cluster") if callspec else None
    return str(given) if given else context.cells[0].name


def facts_of(item: pytest.Item, context: Context, table: dict[str, float]) -> ItemFacts:
    """The facts of one item; ``table`` has seconds by name and node id."""
    suite, cell = context.suite_of(item.path), cell_of(item, context)
    if isinstance(item, SpecItem):
        name = item.spec.name
        sig = name[1 : name.find("]")] if name.startswith("[") else "specs"
        area = PurePosixPath(
            item.spec.location.partition(":")[0]
        ).stem  # job.go: how upstream itself divides a SIG's specs
        return ItemFacts(
            item.nodeid, suite, cell, name, ".".join(filter(None, (suite, sig, area))), item.exclusive, item.expected,
            tuple(sorted(item.spec.labels)), spec=True,
        )  # fmt: skip
    parts = [suite, item.path.stem, *(part.name for part in item.listchain() if isinstance(part, pytest.Class))]
    return ItemFacts(
        nodeid=item.nodeid,
        suite=suite,
        cell=cell,
        name=_without(item.name, cell),
        classname=".".join(parts),
        exclusive=item.get_closest_marker("exclusive") is not None,
        expected=table.get(_key(suite, item, cell), _UNKNOWN),
    )


def _key(suite: str, item: pytest.Item, cell: str) -> str:
    return duration_key(f"{suite}.{item.path.stem}", _without(item.name, cell))


def duration_key(classname: str, name: str) -> str:
    """Name under which a test's duration is remembered: a spec's own name, or module and function."""
    return name if name.startswith("[") else f"{'.'.join(classname.split('.')[:2])}::{name}"


def _without(name: str, cell: str) -> str:
    """A test's name without the cell in its parameters: test[CELL-tcp] is test[tcp]."""
    for part, rest in ((f"{cell}-", ""), (f"-{cell}", ""), (f"[{cell}]", "")):
        if cell and part in name:
            return name.replace(part, rest)
    return name


def write_planned(path: Path, facts: Sequence[ItemFacts]) -> None:
    """Write the file unless another worker was first; it appears whole, by one link."""
    if path.exists():
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps([asdict(fact) for fact in facts]))
    with suppress(FileExistsError):
        path.hardlink_to(fresh)
    fresh.unlink()


def read_planned(path: Path) -> dict[str, ItemFacts]:
    """Node id -> facts; empty if nothing was collected."""
    try:
        raw: list[dict[str, Any]] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return {entry["nodeid"]: ItemFacts(**{**entry, "labels": tuple(entry["labels"])}) for entry in raw}
