"""``harness compare``, ``history`` and ``report`` over 200 runs of 500 tests, against reading those runs' results without an index.

Exit code 1 if ``compare`` or the history page takes longer than its goal.

Whole commands, so that interpreter and imports are in. The reference is the least that a program without an index must do: parse
every line of every results.jsonl once.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import Outcome
from harness.reporting.api import TestResult
from harness.reporting.results import dump
from harness.runs.api import Cell, Plan
from harness.settings import Settings

RUNS, TESTS, ROUNDS = 200, 500, 5
GOAL = 1.0
"""Seconds, the median of the rounds."""
CELL = "v1.37.2-kubeadm-westeurope"
START = 1_795_473_010.0
OUTPUT = "I1123 22:31:02.120 creating namespace e2e-tests-abc\n" * 10


def main() -> int:
    """Print seconds and ratios; the exit code says whether the goal is met."""
    with TemporaryDirectory() as place:
        reports = Path(place)
        chance = random.Random(1)
        for number in range(RUNS):
            _run(reports, number, chance)
        (reports / "latest").symlink_to(_name(RUNS - 1))
        first = _command(reports, "compare")
        compare = _median(reports, "compare")
        page = _median(reports, "history", "--last", "0")
        reference = statistics.median(_plain(reports) for _ in range(ROUNDS))
        nothing = _median(reports, "--version")
        report = _median(reports, "report", "latest")
        (reports / _name(RUNS - 1) / "results.jsonl").touch()
        one_new = _command(reports, "compare")
    print(f"{RUNS} runs of {TESTS} tests")
    print(f"first compare, makes the index   {first:6.2f} s")
    print(f"compare after a new run          {one_new:6.2f} s")
    print(f"compare, median                  {compare:6.2f} s   (goal: at most {GOAL:g})")
    print(f"history page, median             {page:6.2f} s   (goal: at most {GOAL:g})")
    print(f"reports of a run, median         {report:6.2f} s")
    print(f"harness --version, median        {nothing:6.2f} s   of which start-up is")
    print(f"every results.jsonl, parsed once {reference:6.2f} s   the least without an index")
    print(f"ratio compare / reference        {compare / reference:6.2f}")
    print(f"ratio page / reference           {page / reference:6.2f}")
    return 1 if max(compare, page) > GOAL else 0


def _name(number: int) -> str:
    return f"2026{number:04d}-000000-{number:04x}"


def _run(reports: Path, number: int, chance: random.Random) -> None:
    folder = reports / _name(number)
    folder.mkdir()
    began = START + 86_400 * number
    cells = (Cell(CELL, "module:v1.37.2", "kubeadm", "westeurope"),)
    plan = Plan(folder.name, "local", cells, ("conformance",), "bench", began + 21_600)
    (folder / "plan.json").write_text(json.dumps({"settings": Settings().to_json(), "plan": asdict(plan)}))
    results = [_result(index, began, chance) for index in range(TESTS)]
    failed = any(result.outcome is Outcome.FAILED for result in results)
    owner = {"v": 1, "kind": "run", "cell": "", "run": folder.name, "pid": 2**22, "pid_started": "gone:1"}
    lines = [{**owner, "at": began, "state": "started"}]
    lines += [{**owner, "at": began + 900, "state": "ended", "outcome": "failed" if failed else "passed"}]
    (folder / "ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "results.jsonl").write_text("".join(dump(result) + "\n" for result in results))


def _result(index: int, began: float, chance: random.Random) -> TestResult:
    name = f"[sig-apps] Thing {index} should run through the lifecycle of a resource and keep its status"
    outcome = Outcome.FAILED if chance.random() < 0.002 else Outcome.PASSED
    return TestResult(
        nodeid=f"suites/conformance/specs.yaml::{name}", suite="conformance", cell=CELL, name=name,
        classname="conformance.sig-apps.thing", outcome=outcome, seconds=chance.lognormvariate(1.6, 0.9), started=began,
        message="expected 1, got 2" if outcome is Outcome.FAILED else "", stdout=OUTPUT,
    )  # fmt: skip


def _plain(reports: Path) -> float:
    began = time.monotonic()
    for path in reports.glob("2*/results.jsonl"):
        for line in path.read_text().splitlines():
            json.loads(line)
    return time.monotonic() - began


def _median(reports: Path, *arguments: str) -> float:
    return statistics.median(_command(reports, *arguments) for _ in range(ROUNDS))


def _command(reports: Path, *arguments: str) -> float:
    """Seconds of one command, from its start to its end."""
    argv: Sequence[str] = [sys.executable, "-c", "from harness.cli.main import main; main()", *arguments]
    places = [] if arguments[0].startswith("--") else ["--reports", str(reports)]
    began = time.monotonic()
    done = subprocess.run([*argv, *places], capture_output=True, text=True, timeout=300, check=False)
    seconds = time.monotonic() - began
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
