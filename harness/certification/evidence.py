"""What is known of one cell's conformance run: everything that the bundle is made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.builds.conformance import required_specs
from harness.certification.proof import Proof, compare, is_spec
from harness.clusters.api import Cluster
from harness.errors import UsageError
from harness.ginkgo.api import Spec
from harness.ginkgo.inventory import load_inventory
from harness.reporting import model
from harness.reporting.api import TestResult
from harness.reporting.record import CellRecord, Report
from harness.runs.checks import CONFORMANCE
from harness.runs.folder import RunFolder
from harness.runs.plan import load_plan
from harness.settings import Settings


@dataclass(frozen=True)
class Evidence:
    """One cell of a run that is over."""

    report: Report
    settings: Settings
    cell: CellRecord
    clusters: tuple[Cluster, ...]
    """Those the specs ran on, the cell's own first."""
    version: str
    """Of e2e.test."""
    specs: tuple[Spec, ...]
    """Everything that e2e.test offers."""
    required: tuple[str, ...]
    """Full texts of conformance.yaml."""
    results: tuple[TestResult, ...]
    """Of the conformance suite's specs, one each, planned ones that never ran included."""

    @cached_property
    def proof(self) -> Proof:
        return compare(self.required, self.results)

    @cached_property
    def by_name(self) -> Mapping[str, TestResult]:
        """Stable name -> result."""
        return {result.name: result for result in self.results}

    @property
    def started(self) -> float:
        """Unix time of the first spec's beginning."""
        return min((result.started for result in self.results if result.started), default=self.report.started)

    @property
    def seconds(self) -> float:
        """From the first spec's beginning to the last one's end."""
        ends = [result.started + result.seconds for result in self.results if result.started]
        return max(ends, default=self.started) - self.started

    @property
    def workers(self) -> int:
        """Processes that ran specs."""
        return len({result.worker for result in self.results if result.started}) or 1


def gather(folder: RunFolder, cell: str = "") -> Evidence:
    """Read everything; raises ``UsageError`` if the run goes on, the cell is not clear or never came up, or its build is gone.

    :param cell: its name; may be empty if the run has only one.
    """
    settings, plan = load_plan(folder)
    report = model.load(folder.path)
    if report.running:
        raise UsageError(f"run {plan.run} is still going", hint="wait for its end: harness status")
    names = [item.name for item in plan.primary]
    if cell not in names and (cell or len(names) > 1):
        what = f"run {plan.run} has no cell {cell!r}" if cell else f"run {plan.run} has several cells"
        raise UsageError(what, hint=f"--cell, one of: {', '.join(names)}")
    record = next(item for item in report.cells if item.name == (cell or names[0]))
    clusters = tuple(
        found for name in plan.clusters(record.name) if (found := model.cluster_at(folder.cell(name).cluster))
    )
    if not clusters or clusters[0].cell != record.name:
        raise UsageError(f"{record.name} never came up, so nothing of it can be certified", hint=f"see {folder.path}")
    build = clusters[0].build
    if not (build / "inventory.json").is_file() or not (build / "bin" / "e2e.test").is_file():
        raise UsageError(f"the build {build} is gone", hint=f"make it again: harness build {record.cell.source}")
    return Evidence(
        report=report,
        settings=settings,
        cell=record,
        clusters=clusters,
        version=str(json.loads((build / "inventory.json").read_text())["version"]),
        specs=load_inventory(build / "inventory.json"),
        required=required_specs(build),
        results=tuple(
            test for test in report.tests if test.cell == record.name and test.suite == CONFORMANCE and is_spec(test)
        ),
    )
