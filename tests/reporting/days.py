"""Folders of reports with a run a day, and the command that compares them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.cli.main import invoke
from harness.errors import Outcome
from harness.reporting.api import TestResult
from harness.reporting.results import dump
from harness.runs.api import Cell, Plan
from harness.settings import Settings

from .synthetic import START

DAY = 86_400.0
PASSED, FAILED, FLAKY, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY, Outcome.SKIPPED
CLOUD, HARNESS, ABORTED = Outcome.CLOUD, Outcome.HARNESS, Outcome.ABORTED


class Reports:
    """A reports folder; each run is a day later than the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.days = 0

    def run(
        self,
        outcomes: dict[str, Any],
        versions: Sequence[str] = ("v1.37.2",),
        ended: str = "",
        suite: str = "conformance",
        running: bool = False,
    ) -> str:
        """A run; ``outcomes``: name -> outcome, or (outcome, seconds), in every cell."""
        self.days += 1
        began = START + DAY * self.days
        name = f"202611{self.days:02d}-000000-{self.days:04x}"
        folder = self.path / name
        folder.mkdir(parents=True)
        cells = tuple(
            Cell(f"{version}-kubeadm-westeurope", f"module:{version}", "kubeadm", "westeurope") for version in versions
        )
        plan = Plan(name, "local", cells, (suite,), "maria", began + DAY)
        (folder / "plan.json").write_text(json.dumps({"settings": Settings().to_json(), "plan": asdict(plan)}))
        results = [
            self._result(test, given, cell.name, began, suite) for cell in cells for test, given in outcomes.items()
        ]
        (folder / "results.jsonl").write_text("".join(dump(result) + "\n" for result in results))
        worst = "failed" if any(result.outcome is FAILED for result in results) else "passed"
        line = {"v": 1, "at": began, "kind": "run", "cell": "", "run": name, "pid": 2**22, "pid_started": "gone:1"}
        lines = [line | {"state": "started"}]
        lines += [] if running else [line | {"at": began + 60, "state": "ended", "outcome": ended or worst}]
        (folder / "ledger.jsonl").write_text("".join(json.dumps(item) + "\n" for item in lines))
        latest = self.path / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(name)
        return name

    def _result(self, name: str, given: Any, cell: str, began: float, suite: str) -> TestResult:
        outcome, seconds = given if isinstance(given, tuple) else (given, 1.0)
        return TestResult(
            nodeid=f"suites/{suite}/specs.yaml::{name}", suite=suite, cell=cell, name=name, classname=f"{suite}.sig-apps.job",
            outcome=outcome, seconds=seconds, started=began + 5, message="no endpoints" if outcome is FAILED else "",
        )  # fmt: skip


def names(differences: Sequence[Any]) -> list[str]:
    return [difference.case.name for difference in differences]


def harness(*arguments: str) -> int:
    return invoke(["compare", *arguments])
