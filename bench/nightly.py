"""All cells of a matrix in one run against one of them alone: the nightly on one host.

``bench/nightly.py [--matrix FILE] [-- ARGUMENTS OF harness run]``. Runs the first cell of jenkins/matrix.yaml, then all of them in one
run, then the first once more, so that a host that grows faster or slower meanwhile shows. Beside the wall clocks it prints how busy the
processors were, and how fast: what a fixed piece of work takes of one, again and again, since neighbours of a virtual machine slow it down
unseen. What one cell keeps busy is also the floor: cells side by side share the processors, not the work.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from host import HostState

from harness.runs.matrix import load_matrix

TOP = Path(__file__).resolve().parent.parent
GOAL = 2.2
LIMIT = 3600
_TICKS = os.sysconf("SC_CLK_TCK")
_PROCESSORS = os.cpu_count() or 1
_EVERY = 2.0


@dataclass(frozen=True)
class Taken:
    """What one run took of this host."""

    seconds: float
    busy: float
    """Seconds of processors."""
    work: float
    """Seconds of a processor that the same piece of work took meanwhile."""
    code: int


class Speed(Thread):
    """Does a fixed piece of work every two seconds, and takes its time, without what it waits for a processor."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._stop_asked = Event()
        self._seconds: list[float] = []

    def run(self) -> None:
        while not self._stop_asked.wait(_EVERY):
            began = time.thread_time()
            sum(number * number for number in range(100_000))
            self._seconds.append(time.thread_time() - began)

    def stop(self) -> float:
        """The median, in seconds."""
        self._stop_asked.set()
        self.join()
        return statistics.median(self._seconds)


def main() -> int:
    """Run three times, print, and return the worst exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--matrix", type=Path, default=TOP / "jenkins/matrix.yaml")
    parser.add_argument("arguments", nargs="*", help="for harness run")
    asked = parser.parse_args()
    matrix = asked.matrix.resolve()
    cells = list(load_matrix(matrix).cells())
    first = cells[0]
    alone = ("--source", first.source, "--deployer", first.deployer, "--location", first.location)
    before = HostState.now()
    runs = []
    for label, chosen in (("one cell", alone), (f"{len(cells)} cells", ()), ("one cell", alone)):
        runs.append(_run("--matrix", str(matrix), "--cloud", "local", *chosen, *asked.arguments))
        _show(label, runs[-1])
    single, together = _mean(runs[0], runs[2]), runs[1]
    ratio = together.seconds / single.seconds
    print(f"ratio of the wall clocks       {ratio:6.2f}   (goal: at most {GOAL})")
    print(f"at the same speed              {ratio * single.work / together.work:6.2f}")
    print(f"{len(cells)} times the work of one cell   {len(cells) * single.busy / _PROCESSORS / single.seconds:6.2f}")
    before.print_left()
    return max(run.code for run in runs)


def _run(*arguments: str) -> Taken:
    speed, busy = Speed(), _busy()
    speed.start()
    began = time.monotonic()
    with TemporaryDirectory() as reports:
        done = subprocess.run(
            [TOP / ".venv/bin/harness", "run", "--reports", reports, *arguments],
            cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LIMIT, check=False,
        )  # fmt: skip
    return Taken(time.monotonic() - began, _busy() - busy, speed.stop(), done.returncode)


def _busy() -> float:
    """Seconds that processors of this host have worked (proc_stat(5): without idling and waiting for I/O)."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:])
    return (user + nice + system + irq + softirq) / _TICKS


def _mean(one: Taken, other: Taken) -> Taken:
    return Taken(
        (one.seconds + other.seconds) / 2,
        (one.busy + other.busy) / 2,
        (one.work + other.work) / 2,
        max(one.code, other.code),
    )


def _show(label: str, taken: Taken) -> None:
    share = taken.busy / taken.seconds / _PROCESSORS
    print(
        f"{label:30s} {taken.seconds:6.1f} s, {taken.busy:6.1f} s of processors ({share:.0%} busy), "
        f"{taken.work * 1000:5.1f} ms for the same work, exit code {taken.code}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
