"""A finished run of all of conformance, on a build whose e2e.test is a Python program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from ginkgo.builds import make_build
from reporting.synthetic import CELL, START, Folder, result

from harness.certification.evidence import Evidence, gather
from harness.errors import Outcome
from harness.runs.folder import RunFolder

TEXTS = (
    "[sig-apps] Job should delete a job [Conformance]",
    "[sig-node] Pods should be <quoted> & 'safe' [NodeConformance] [Conformance]",
    "[sig-node] Taints should evict [Disruptive] [Serial] [Conformance]",
    "[sig-storage] Volumes should be large [Slow]",
)
NAMES = (
    "[sig-apps] Job should delete a job",
    "[sig-node] Pods should be <quoted> & 'safe'",
    "[sig-node] Taints should evict",
)
PRODUCT = """\
vendor: Yoyodyne
name: Turbo Encabulator
version: v1.7.4
website_url: https://yoyo.dyne/turbo
documentation_url: https://yoyo.dyne/docs
type: distribution
description: A distribution.
contact_email_address: somebody@yoyo.dyne
"""


@dataclass
class Run:
    """Its folder, and what its specs did."""

    folder: Folder

    def spec(self, index: int, outcome: Outcome = Outcome.PASSED, seconds: float = 10.0, **fields: object) -> None:
        """One more line of results.jsonl."""
        started = START + 100 + 5 * index
        self.folder.results(
            [result(NAMES[index], outcome, started=started, seconds=seconds, worker=f"gw{index}", **fields)]
        )

    def end(self, outcome: str = "passed") -> RunFolder:
        self.folder.phase("test", 30.0, outcome)
        self.folder.down()
        self.folder.ended(outcome)
        return RunFolder(self.folder.path)

    def evidence(self) -> Evidence:
        return gather(self.end())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Up, and about to test."""
    folder = Folder(tmp_path / "reports" / "20261123-223010-a1b2")
    make_build(folder.path, *TEXTS)
    folder.up()
    folder.planned([{"nodeid": f"suites/conformance/specs.yaml::{name}", "cell": CELL, "suite": "conformance",
                     "name": name, "classname": "conformance.sig"} for name in NAMES])  # fmt: skip
    return Run(folder)


@pytest.fixture
def passed(run: Run) -> Run:
    """Every spec has passed."""
    for index in range(len(NAMES)):
        run.spec(index)
    return run
