"""A suite's own settings, from ``suites/<name>/suite.yaml``, and its selections of upstream specs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from harness.errors import UsageError
from harness.ginkgo.api import Spec
from harness.ginkgo.inventory import load_inventory
from harness.ginkgo.selection import Chosen, Selection, load_selection
from harness.plugin.context import CellView, Context
from harness.plugin.limits import Limits
from harness.settings import duration

_FILE = "suite.yaml"
_PATTERN = "*specs.yaml"
_KEYS = ("limit", "labels", "timeout")


def is_selection(path: Path) -> bool:
    """Whether this file selects specs: ``specs.yaml``, or a name that ends so."""
    return path.match(_PATTERN)


@dataclass(frozen=True)
class Suite:
    """One folder under ``suites/``."""

    name: str
    path: Path
    limit: int = 0
    """Tests of this suite at the same time on one cluster; 0 for no limit of its own."""
    labels: Mapping[str, int] = field(default_factory=dict)
    """The same for those of its specs that have a label."""
    timeout: str = ""
    """How long all of it may take on one cell; empty for as long as the run."""

    @property
    def file(self) -> Path:
        """Where these settings are written."""
        return self.path / _FILE

    @classmethod
    def load(cls, path: Path) -> Suite:
        """Read ``suite.yaml`` if there is one; raises ``UsageError``."""
        file = path / _FILE
        try:
            raw = yaml.safe_load(file.read_text()) if file.is_file() else {}
        except (OSError, yaml.YAMLError) as error:
            raise UsageError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
        if not isinstance(raw, dict) or set(raw) - set(_KEYS):
            raise UsageError(f"{file} may have the keys {', '.join(_KEYS)}", hint="write for example: limit: 4")
        limit, labels, timeout = raw.get("limit", 0), raw.get("labels", {}), raw.get("timeout", "")
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise UsageError(f"{file}: limit has to be a whole number", hint="write for example: limit: 4")
        if not isinstance(labels, dict) or not all(isinstance(n, int) and n > 0 for n in labels.values()):
            raise UsageError(
                f"{file}: labels has to give labels whole numbers", hint="write for example: labels: {sig-storage: 2}"
            )
        try:
            if "timeout" in raw:
                duration(str(timeout))
        except UsageError as error:
            raise UsageError(f"{file}: timeout: {error.attempted}", hint=error.hint) from error
        return cls(path.name, path, limit, labels, str(timeout))

    def selections(self) -> Iterator[Selection]:
        """Its files that select specs; raises ``UsageError`` for a malformed one."""
        for path in sorted(self.path.rglob(_PATTERN)):
            yield load_selection(path)


def suites_in(context: Context) -> list[Suite]:
    """The suites to run."""
    folders = [path for path in sorted(context.suites_root.iterdir()) if path.is_dir() and path.name[0] not in "._"]
    return [Suite.load(path) for path in folders if context.wants(path)]


def limits_of(context: Context) -> Limits:
    """Limits of the suites to run and of their labels."""
    suites = suites_in(context)
    labels = {(suite.name, label): number for suite in suites for label, number in suite.labels.items()}
    return Limits({suite.name: suite.limit for suite in suites if suite.limit}, labels)


def chosen_specs(selection: Selection, cell: CellView, context: Context) -> list[Chosen]:
    """What this file selects of the cell's build; empty if that could not be built, or its suite does not run there."""
    if not cell.runs(context.suite_of(selection.path)):
        return []
    return choose(selection, specs_of(cell), context)


def choose(selection: Selection, specs: tuple[Spec, ...], context: Context) -> list[Chosen]:
    """What this file selects of an inventory, in a run that may be narrowed to what a change may break."""
    pick, preset = context.pick_of(selection.path), context.settings.conformance
    return pick.choose(selection, specs, preset) if pick else selection.choose(specs, preset)


def specs_of(cell: CellView) -> tuple[Spec, ...]:
    """The cell's inventory; empty if it could not be built."""
    return load_inventory(cell.inventory) if cell.inventory else ()


def check_selections(context: Context) -> tuple[list[Spec], list[Spec]]:
    """Raise ``UsageError`` if a file is malformed, selects nothing of any build, or skips what it no longer should.

    :returns: the specs that the suites select of all builds, and all specs of the builds.
    """
    inventories = [specs_of(cell) for cell in context.cells if cell.inventory]
    chosen: list[Spec] = []
    for suite in suites_in(context):
        for selection in suite.selections():
            narrowed = context.pick_of(selection.path) is not None
            found = [item.spec for it in inventories for item in choose(selection, it, context)]
            if inventories and not narrowed and not found:
                raise UsageError(
                    f"{selection.path} selects none of the specs of {', '.join(cell.name for cell in context.cells)}",
                    hint="compare its label_filter, focus and presets with the names that pytest --collect-only lists",
                )
            if len(inventories) == len(context.cells):  # else what is skipped may be in the build that failed
                selection.check_idle(inventories)
            chosen += found
    return chosen, [spec for it in inventories for spec in it]
