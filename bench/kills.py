"""Ten kills at random moments of one conformance run, each followed by a resumption where one is needed: the same results in the end.

    bench/kills.py [--kills N] [--seed S] [--every SECONDS] [--reports DIR] [-- ARGUMENTS OF harness run]

Kills, by SIGKILL: a pytest worker, an e2e.test process, pytest itself (its supervisor then takes the clusters down, and the run goes on
on new ones), and pytest with its supervisor (the run goes on on the same clusters). Prints each kill and a verdict: every spec
that the run had planned has exactly one result, and it is the one that an undisturbed run gives.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

TOP = Path(__file__).resolve().parent.parent
HARNESS = TOP / ".venv/bin/harness"
LIMIT = 3 * 3600
KINDS = ("worker", "e2e.test", "pytest", "pytest and supervisor")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=60.0, help="mean seconds between kills")
    parser.add_argument("--reports", type=Path, help="keep the run's folder here")
    parser.add_argument("arguments", nargs="*")
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with TemporaryDirectory() if asked.reports is None else nullcontext(asked.reports) as folder:
        reports = Path(folder)
        reports.mkdir(parents=True, exist_ok=True)
        run = Run(reports, asked.arguments)
        for number in range(asked.kills):
            run.wait(chance.uniform(0.2, 1.8) * asked.every)
            if run.ended:
                print(f"the run ended after {number} kills", flush=True)
                break
            kind = KINDS[number % len(KINDS)]
            print(f"{run.seconds:7.1f} s  kill {kind}: {run.kill(kind, chance)}", flush=True)
        code = run.finish()
        return verdict(reports / "latest", code)


class Run:
    """One run through all its processes."""

    def __init__(self, reports: Path, arguments: list[str]) -> None:
        self.reports = reports
        self.arguments = arguments
        self.began = time.monotonic()
        self.process = self.start("--suite", "conformance", "--infra-reruns", "5", *arguments)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.reports / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [HARNESS, "run", "--reports", str(self.reports), *arguments],
                cwd=TOP,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self, seconds: float) -> None:
        """This long, counted from when tests run, or until the run ends."""
        results = self.reports / "latest" / "results.jsonl"
        before = results.stat().st_size if results.exists() else 0
        while not self.ended and not (results.exists() and results.stat().st_size > before):
            time.sleep(0.2)
        until = time.monotonic() + seconds
        while not self.ended and time.monotonic() < until:
            time.sleep(0.2)

    def kill(self, kind: str, chance: random.Random) -> str:
        """Kill one process of this kind; whoever is needed for it to go on is started."""
        if kind in ("worker", "e2e.test"):
            found = self.descendants(b"exec(eval(sys.stdin" if kind == "worker" else b"e2e.test")
            if not found:
                return "none there"
            victim = chance.choice(found)
            os.kill(victim, signal.SIGKILL)
            return f"process {victim} of {len(found)}"
        (pytest,) = self.descendants(b"\0-m\0pytest\0")[:1] or (0,)
        if kind == "pytest and supervisor":
            self.process.send_signal(signal.SIGSTOP)
        if pytest:
            os.kill(pytest, signal.SIGKILL)
        if kind == "pytest and supervisor":
            self.process.kill()
        self.process.wait(LIMIT)
        time.sleep(3.0)  # the killed one's workers notice and end
        self.process = self.start("--resume", str((self.reports / "latest").resolve()))
        return f"process {pytest}, and resumed"

    def descendants(self, word: bytes) -> list[int]:
        """Processes below the supervisor with this in their command line; e2e.test's wrapper counts as itself."""
        parents: dict[int, int] = {}
        commands: dict[int, bytes] = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                parents[int(place.name)] = int((place / "stat").read_text().rpartition(") ")[2].split()[1])
                commands[int(place.name)] = (place / "cmdline").read_bytes()
            except OSError:
                continue

        def below(process: int) -> bool:
            while process > 1:
                process = parents.get(process, 0)
                if process == self.process.pid:
                    return True
            return False

        return [process for process, command in commands.items() if word in command and below(process)]

    def finish(self) -> int:
        return self.process.wait(LIMIT)


def verdict(run: Path, code: int) -> int:
    planned = {item["nodeid"] for item in json.loads((run / "planned.json").read_text())}
    last: dict[str, str] = {}
    for line in (run / "results.jsonl").read_bytes().splitlines():
        try:
            raw = json.loads(line)
        except ValueError:
            continue
        last[raw["nodeid"]] = raw["outcome"]
    missing, extra = planned - last.keys(), last.keys() - planned
    bad = sorted(f"{name}: {outcome}" for name, outcome in last.items() if outcome not in ("passed", "skipped"))
    print(f"exit code                  {code:8d}")
    print(f"specs planned              {len(planned):8d}")
    print(f"without a result           {len(missing):8d}")
    print(f"not planned                {len(extra):8d}")
    print(f"not passed                 {len(bad):8d}")
    print("".join(f"  {line}\n" for line in bad), end="")
    return 1 if missing or extra or bad or code else 0


if __name__ == "__main__":
    sys.exit(main())
