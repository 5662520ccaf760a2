"""Takes away what ``--label-filter``, ``--focus``, ``--skip`` and ``--deselect-from`` take away, in every process that collects.

The controller collects nothing under xdist, so :func:`check_narrowing` asks the builds' inventories and the files themselves whether
the flags mean anything, before anything is created.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.ginkgo.api import Spec
from harness.ginkgo.deselected import Deselected, read_deselected
from harness.ginkgo.inventory import stable_name
from harness.ginkgo.narrowing import Narrowing
from harness.plugin.context import Context, context_of
from harness.plugin.items import SpecItem
from harness.runs.checks import narrowing_of
from harness.settings import Settings


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is not wanted; mark as skipped what is left out for a reason."""
    context = context_of(config)
    if context is None or not is_narrowed(context.settings):
        return
    narrowing, entries = narrowing_of(context.settings), read_deselected(context.settings.deselect_from)
    gone = [item for item in items if context.suite_of(item.path) and not _stays(item, narrowing, entries)]
    if gone:
        unwanted = set(gone)
        items[:] = [item for item in items if item not in unwanted]
        config.hook.pytest_deselected(items=gone)


def is_narrowed(settings: Settings) -> bool:
    """Whether one of the flags was given."""
    return bool(settings.label_filter or settings.focus or settings.skip or settings.deselect_from)


def check_narrowing(context: Context, chosen: Sequence[Spec], known: Iterable[Spec]) -> None:
    """Raise ``UsageError`` if the flags select nothing, or a line of a file names nothing.

    :param chosen: what the suites' files select of all builds.
    :param known: every spec of all builds.
    """
    narrowing = narrowing_of(context.settings)
    if narrowing.chooses and not any(map(narrowing.wants, chosen)):
        wider = " or --conformance full" if context.settings.conformance == "fast" else ""
        raise UsageError(
            f"{narrowing.flags} selects none of the {len(chosen)} specs that the suites select",
            hint=f"pytest suites/ --collect-only -q lists them; try another pattern{wider}",
        )
    names = {spec.name for spec in known}
    for entry in read_deselected(context.settings.deselect_from):
        if wrong := _nothing(entry, context, names):
            raise UsageError(f"--deselect-from {entry.place}: {wrong}", hint="correct the line, or remove it")


def left_out(context: Context, specs: Iterable[Spec]) -> dict[str, str]:
    """Of these specs, the names of those that the flags leave out, with the flag or line that does it."""
    narrowing, entries = narrowing_of(context.settings), read_deselected(context.settings.deselect_from)
    found = {}
    for spec in specs:
        if not narrowing.wants(spec):
            found[spec.name] = narrowing.flags
        for entry in entries:
            if entry.text.endswith(f"::{spec.name}") or entry.matches("", spec.name):
                found[spec.name] = entry.explained if entry.reason else entry.place
    return found


def _stays(item: pytest.Item, narrowing: Narrowing, entries: Iterable[Deselected]) -> bool:
    spec = item.spec if isinstance(item, SpecItem) else None
    if not narrowing.wants(spec) if spec else narrowing.chooses:
        return False
    for entry in entries:
        if entry.matches(item.nodeid, spec.name if spec else ""):
            if not entry.reason:
                return False
            item.add_marker(pytest.mark.skip(reason=entry.explained))
    return True


def _nothing(entry: Deselected, context: Context, names: set[str]) -> str:
    """Why this line names nothing; empty if it names something."""
    file, _, rest = entry.text.partition("::")
    path = context.suites_root.parent / file
    if not file.startswith(f"{context.suites_root.name}/"):
        return "" if stable_name(entry.text) in names else f"no spec has the name {entry.text!r}"
    if not path.exists():
        return f"there is no {file}"
    if path.suffix != ".py":
        name = rest.rpartition("::")[2] if rest else ""
        return "" if not name or name in names else f"no spec has the name {name!r}"
    wanted = [part.partition("[")[0] for part in rest.split("::") if part]
    return "" if set(wanted) <= set(_defined(path)) else f"{file} has no {'::'.join(wanted)}"


def _defined(path: Path) -> Iterator[str]:
    """Names of all functions and classes of a file."""
    for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
