"""The whole fault matrix: every fault at every call of a bring-up and teardown on local Azure, no machines needed.

Prints what did not end as it should, and at the end how many cases there were, by outcome, and the slowest against a clean run.
``--seconds N`` stops after that time; ``--kind NAME`` runs one kind of fault. Exit code 1 if a case has a problem, or was
not run before that time was over.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "localazure")]

from fault_matrix.matrix import KILLED, KINDS, Kind, Result, calls, cases, run  # noqa: E402 - found by the path above
from fault_matrix.site import Site, in_process, in_thread  # noqa: E402 - the same

DEADLINE = 300.0
"""Seconds of a run."""
SHORT = 20.0
"""The same for what is never done, which waits for it."""


def main() -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1800.0, help="stop after this time (default: %(default)g)")
    parser.add_argument("--kind", choices=[kind.name for kind in (*KINDS, KILLED)], help="only this kind of fault")
    arguments = parser.parse_args()
    until = time.monotonic() + arguments.seconds
    kinds = [kind for kind in KINDS if arguments.kind in (None, kind.name)]
    results: list[Result] = []
    clean, left = 0.0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kinds:
            with in_thread(folder) as site:
                clean, left = _all(site, kinds, until, results)
        if arguments.kind in (None, KILLED.name):
            (folder / "killed").mkdir()
            with in_process(folder / "killed") as site:
                killed, unrun = _all(site, [KILLED], until, results)
                clean, left = max(clean, killed), left + unrun
    return _summary(results, clean, left)


def _all(site: Site, kinds: Sequence[Kind], until: float, results: list[Result]) -> tuple[float, int]:
    """Run these kinds at every call; returns the seconds of a clean run, and how many cases were not run for lack of time."""
    found, _ = calls(site, DEADLINE)
    _, seconds = calls(site, DEADLINE)  # the first one also opened connections
    wanted = list(cases(found, kinds))
    for number, case in enumerate(wanted):
        if time.monotonic() > until:
            print("stopped: the time is over", flush=True)
            return float(seconds), len(wanted) - number
        result = run(site, case, SHORT if case.kind.name == "never" else DEADLINE)
        results.append(result)
        if result.problem:
            print(f"{case}: {result.problem}", flush=True)
    return float(seconds), 0


def _summary(results: Sequence[Result], clean: float, left: int) -> int:
    problems = [result for result in results if result.problem]
    outcomes = Counter(str(result.outcome) for result in results)
    counted = ", ".join(f"{name} {number}" for name, number in outcomes.most_common())
    print(f"{len(results)} cases, {len({result.case.call.name for result in results})} calls: {counted}")
    print(f"{sum(not result.met for result in results)} never came to their call")
    for result in sorted(results, key=lambda result: -result.seconds)[:3]:
        print(f"{result.seconds / clean:6.1f} x a clean run ({clean:.2f} s): {result.case}, {result.outcome}")
    print(f"{len(problems)} problems, {left} cases not run")
    return 1 if problems or left else 0


if __name__ == "__main__":
    sys.exit(main())
