"""A warm run's wall clock against its own longest suite plus up plus down, and the host before and after.

What a run costs beyond what it cannot avoid: a perfect harness would take as long as bring-up, the longest suite and deletion.
Run it twice when anything was built: the first run fills the cache.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from host import HostState

TOP = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run once, print the ratios, and return the run's exit code."""
    before = HostState.now()
    with TemporaryDirectory() as reports:
        began = time.monotonic()
        done = subprocess.run(
            [TOP / ".venv/bin/harness", "run", "--reports", reports, *sys.argv[1:]],
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            timeout=3600,
            check=False,
        )
        wall = time.monotonic() - began
        folder = Path(reports) / "latest"
        ledger = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
        results = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    _print(wall, ledger, results)
    before.print_left()
    return done.returncode


def _print(wall: float, ledger: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
    phases: dict[str, float] = defaultdict(float)
    for line in ledger:
        if line["kind"] == "phase" and "seconds" in line:
            phases[line["phase"]] = max(phases[line["phase"]], line["seconds"])
    suites: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        suites[result["suite"]].append(result)
    spans = {
        suite: max(item["started"] + item["seconds"] for item in items) - min(item["started"] for item in items)
        for suite, items in suites.items()
    }
    up = phases["up"] + phases["readiness"]
    floor = up + max(spans.values()) + phases["down"] + phases["leak-check"]
    for suite, span in sorted(spans.items(), key=lambda pair: -pair[1]):
        work = sum(item["seconds"] for item in suites[suite])
        print(f"suite {suite:20s} {span:7.1f} s wall {work:7.1f} s of work {len(suites[suite]):4d} tests")
    for phase, seconds in phases.items():
        print(f"phase {phase:20s} {seconds:7.1f} s")
    overheads = [item["overhead"] for item in results if item["outcome"] == "passed" and item["overhead"]]
    if overheads:
        print(
            f"overhead of an item        median {statistics.median(overheads) * 1000:.1f} ms, "
            f"p95 {statistics.quantiles(overheads, n=20)[-1] * 1000:.1f} ms"
        )
    print(f"wall clock                 {wall:7.1f} s")
    print(f"up + longest suite + down  {floor:7.1f} s")
    print(f"ratio                      {wall / floor:7.2f}   (goal: at most 1.25)")


if __name__ == "__main__":
    sys.exit(main())
