"""The main job as a person starts it: four suites on one cluster, reports, and a host as it was before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from host import HostState
from junitparser import JUnitXml

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.alone]

TOP = Path(__file__).resolve().parent.parent.parent
SUITES = ("conformance", "loadbalancer", "pod_networking", "volumes")
SIGS = (
    "api-machinery",
    "apps",
    "architecture",
    "auth",
    "cli",
    "instrumentation",
    "network",
    "node",
    "scheduling",
    "storage",
)
LIMIT = 3600


def test_four_suites_pass_and_nothing_is_left(tmp_path: Path) -> None:
    before = HostState.now()
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli.main import main; main()", "run", "--reports", tmp_path],
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    print(done.stdout)
    run = tmp_path / "latest"
    assert done.returncode == 0, _evidence(run)
    counts = {suite: _passed(run, suite) for suite in SUITES}
    assert min(counts.values()) > 0, counts
    assert counts["conformance"] >= 60
    names = _names(run, "conformance")
    assert [sig for sig in SIGS if not any(name.startswith(f"[sig-{sig}]") for name in names)] == []
    lifecycle = JUnitXml.fromfile(str(next((run / "artifacts").glob("junit_lifecycle_*.xml"))))
    assert {case.name.split()[0] for suite in lifecycle for case in suite} >= {"build", "up", "readiness", "down"}
    assert (run / "index.html").stat().st_size > 10_000
    assert json.loads((run / "finished.json").read_text())["passed"] is True
    assert before.differences(HostState.now()) == []


def _passed(run: Path, suite: str) -> int:
    return len(_names(run, suite))


def _names(run: Path, suite: str) -> list[str]:
    """Names of the suite's passed cases, out of its JUnit file."""
    files = list((run / "artifacts").glob(f"junit_*_{suite}.xml"))
    assert len(files) == 1, files
    return [case.name for part in JUnitXml.fromfile(str(files[0])) for case in part if case.is_passed]


def _evidence(run: Path) -> str:
    """What failed, for whoever reads a CI log and has no report folder."""
    lines = (run / "results.jsonl").read_text().splitlines() if (run / "results.jsonl").exists() else []
    bad = [item for item in map(json.loads, lines) if item["outcome"] not in ("passed", "skipped")]
    texts = [f"{item['name']}: {item['message']}\n{item['details'][-3000:]}" for item in bad]
    log = (run / "build-log.txt").read_text()[-4000:] if (run / "build-log.txt").exists() else ""
    return "\n\n".join([*texts, log])
