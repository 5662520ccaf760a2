"""Upstream specs as pytest items: ``suites/<suite>/specs.yaml::[sig-apps] Job should delete a job``.

With several cells the cell stands between file and spec, since the same spec is then several tests; with one it does not, so that ids
(and with them ``--lf``, history, Jenkins) stay the same from one Kubernetes version to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import Outcome, UsageError
from harness.ginkgo.api import SpecResult
from harness.ginkgo.durations import expected
from harness.ginkgo.selection import Chosen, Selection, load_selection
from harness.plugin.context import CellView, Context
from harness.plugin.process import LANE, process_of
from harness.plugin.suites import chosen_specs

_SHOWN = 6_000
"""Characters of a spec's output on the console: upstream dumps a whole cluster for each failure. results.jsonl has all."""
_AT_LEAST = 600.0
_FACTOR = 3.0


class SpecFailedError(Exception):
    """A spec did not pass; ``result`` says how."""

    def __init__(self, result: SpecResult) -> None:
        super().__init__(result.message)
        self.result = result

    @property
    def outcome(self) -> Outcome:
        """A process that died, or was stopped by somebody, says nothing about the product."""
        return {"lost": Outcome.HARNESS, "interrupted": Outcome.ABORTED}.get(self.result.state, Outcome.FAILED)


class SpecsFile(pytest.File):
    """A ``specs.yaml``."""

    context: Context
    table: dict[str, float]

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        try:
            selection = load_selection(self.path)
        except UsageError as error:
            raise self.CollectError(str(error)) from error
        cells = self.context.cells
        if len(cells) > 1:
            suite = self.context.suite_of(self.path)
            for cell in filter(lambda cell: cell.runs(suite), cells):
                yield CellSpecs.from_parent(self, name=cell.name, selection=selection, cell=cell)
        else:
            yield from spec_items(self, self, selection, cells[0])


class CellSpecs(pytest.Collector):
    """The specs of one file for one of several cells."""

    def __init__(self, *, selection: Selection, cell: CellView, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.selection = selection
        self.cell = cell

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        assert isinstance(self.parent, SpecsFile)
        yield from spec_items(self, self.parent, self.selection, self.cell)


def spec_items(parent: pytest.Collector, file: SpecsFile, selection: Selection, cell: CellView) -> Iterator[SpecItem]:
    """One item for each chosen spec."""
    longest = selection.seconds
    for chosen in chosen_specs(selection, cell, file.context):
        seconds = expected(chosen.spec, file.table)
        timeout = max(min(longest, _AT_LEAST + _FACTOR * seconds), seconds)
        yield SpecItem.from_parent(
            parent, name=chosen.spec.name, chosen=chosen, cell=cell, expected=seconds, timeout=timeout
        )


class SpecItem(pytest.Item):
    """One spec on one cell."""

    def __init__(self, *, chosen: Chosen, cell: CellView, expected: float, timeout: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.spec = chosen.spec
        self.cell = cell
        self.expected = expected
        self.timeout = timeout
        self.result: SpecResult | None = None
        self.extra_keyword_matches.update(self.spec.labels)
        if chosen.skip:
            self.add_marker(pytest.mark.skip(reason=chosen.skip))

    @property
    def exclusive(self) -> bool:
        """Whether nothing else may use the cluster meanwhile."""
        return self.spec.serial or "Disruptive" in self.spec.labels

    def runtest(self) -> None:
        process = process_of(self.config)
        suite = process.context.suite_of(self.path)
        result = process.run_spec(self.cell, self.stash.get(LANE, 0), self.spec, self.timeout, suite)
        self.result = result
        self.add_report_section("call", "stdout", _shown(result.output))
        self.add_report_section("call", "log", "\n".join(f"{step.at:8.1f} s  {step.text}" for step in result.steps))
        if result.state in ("skipped", "pending"):
            pytest.skip(result.message or f"{result.state} by upstream")
        if result.state != "passed":
            raise SpecFailedError(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any, **__: Any) -> str:
        """The spec's own failure, without our stack."""
        error = excinfo.value
        if not isinstance(error, SpecFailedError):
            return str(super().repr_failure(excinfo))
        result = error.result
        place = f"\n\nat {result.location}" if result.location else ""
        return f"{result.state}: {result.message}{place}"

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name  # pytest insists on a line for an item with a skip mark


def _shown(output: str) -> str:
    """Beginning and end of a long output."""
    if len(output) <= _SHOWN:
        return output
    half = _SHOWN // 2
    return f"{output[:half]}\n... {len(output) - _SHOWN} characters, all in results.jsonl ...\n{output[-half:]}"
