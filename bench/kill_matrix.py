"""The kill matrix on real machines: every cell brings a cluster up, kills one process in one phase, sweeps, and compares the host.

``bench/kill_matrix.py [--only REGEX] [-- ARGUMENTS OF harness run]``; half a minute a cell. The phase is read from the ledger, so a phase
that is shorter than a look (a build that is in the cache) may be over when the signal arrives; the table says so. Where a run is
asked to stop, the table also has the seconds until its JUnit was there, which may be 15. Exit code: number of cells that did not
end as they must.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

from host import HostState
from kill_cells import Kill, every

TOP = Path(__file__).resolve().parent.parent
HARNESS = TOP / ".venv" / "bin" / "harness"
LIMIT = 900.0
JUNIT = 15.0
"""Seconds from a signal to valid JUnit."""
SUITE = """
import time
from pathlib import Path

def test_a_first(cluster):
    assert cluster.group

def test_b_long(cluster):
    Path("b-runs").touch()
    time.sleep(SECONDS)

def test_c_last(cluster):
    assert OUTCOME
"""


class Run:
    """One run in a project of its own."""

    def __init__(self, folder: Path, state: Path, kill: Kill, arguments: list[str]) -> None:
        self.folder, self.state = folder, state
        suite = folder / "suites" / "killed"
        suite.mkdir(parents=True)
        seconds = 20 if kill.phase == "testing" else 0
        text = SUITE.replace("OUTCOME", str(kill.phase != "collecting")).replace("SECONDS", str(seconds))
        (suite / "test_killed.py").write_text(text)
        (folder / "conftest.py").write_text('pytest_plugins = ("harness.plugin",)\n')
        flags = ["--state", str(state), "--suite", "killed", "--tests", "1", "--infra-reruns", "0", *arguments]
        with (folder / "output.txt").open("w") as output:
            self.process = subprocess.Popen(
                [HARNESS, "run", *flags], cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def reports(self) -> Path:
        return self.folder / "reports" / "latest"

    def lines(self, name: str) -> list[dict[str, Any]]:
        path = self.reports / name
        data = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in data]

    def reached(self, phase: str) -> bool:
        ledger = self.lines("ledger.jsonl")
        started = {line["phase"] for line in ledger if line["kind"] == "phase" and line["state"] == "started"}
        match phase:
            case "deploying":
                return any(line["kind"] == "creating" for line in ledger) and self._collected
            case "joining":
                said = [line["text"] for line in ledger if line["kind"] == "progress"]
                return any("deployment succeeded" in text for text in said) and self._collected
            case "readiness":
                return "readiness" in started and self._collected
            case "testing":
                return (self.folder / "b-runs").exists()
        return {"collecting": "collect", "deleting": "down", "reporting": "report"}.get(phase, phase) in started

    def cases(self) -> set[str]:
        """Names in the JUnit that there is; raises ``ParseError`` if that is not valid."""
        found = [ElementTree.parse(path) for path in (self.reports / "artifacts").glob("junit_*.xml")]
        return {str(case.get("name")) for tree in found for case in tree.iter("testcase")}

    @property
    def _collected(self) -> bool:
        return (self.reports / "planned.json").exists()

    def pid(self, victim: str) -> int | None:
        if victim == "supervisor":
            return self.process.pid
        if victim == "server":
            return int(json.loads((self.state / "localazure" / "server.json").read_text())["pid"])
        roles = {line.get("role"): line["pid"] for line in self.lines("ledger.jsonl") if line["kind"] == "run"}
        controller = roles.get("controller")
        if victim == "controller" or controller is None:
            return controller
        for task in Path(f"/proc/{controller}/task").glob("*/children"):
            for child in task.read_text().split():
                if b"exec(eval(sys.stdin" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        return None

    def alive(self) -> bool:
        """Whether anybody still works on the run."""
        owners = [line["pid"] for line in self.lines("ledger.jsonl") if line["kind"] == "run"]
        return self.process.poll() is None or any(_running(pid) for pid in owners)


def _running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {LIMIT:.0f} s")
        time.sleep(0.02)


@contextmanager
def _kept(state: Path, kill: Kill) -> Iterator[None]:
    """Keep local Azure where the run has let go of it already when it is to be killed."""
    if (kill.victim, kill.phase) != ("server", "reporting"):
        yield
        return
    _harness("cloud", "start", "--state", state)
    yield
    _harness("cloud", "stop", "--state", state)


def _harness(*arguments: str | Path, cwd: Path | None = None) -> None:
    argv = [HARNESS, *arguments]
    subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LIMIT, check=True)


def one(kill: Kill, arguments: list[str]) -> tuple[float, list[str]]:
    """Run one cell; seconds until there was JUnit, and what is wrong with its end."""
    before = HostState.now()
    wrong = []
    reported = 0.0
    with TemporaryDirectory() as base, _kept(Path(base) / "state", kill):
        run = Run(Path(base) / "project", Path(base) / "state", kill, arguments)
        _until(lambda: run.reached(kill.phase) or run.process.poll() is not None, kill.phase)
        pid = run.pid(kill.victim)
        if pid is None or not _running(pid):
            wrong.append(f"the {kill.victim} was gone already")
        else:
            os.kill(pid, kill.number)
            began = time.monotonic()
            if kill.codes == (2,):
                _until(lambda: run.cases() or not run.alive(), "JUnit")
                reported = time.monotonic() - began
        if reported > JUNIT:
            wrong.append(f"JUnit after {reported:.1f} s")
        _until(lambda: not run.alive(), "the end")
        _harness("sweep", "--state", run.state, "--json", Path(base) / "sweep.json", cwd=run.folder)
        if run.process.returncode not in kill.codes:
            wrong.append(f"exit code {run.process.returncode} instead of {' or '.join(map(str, kill.codes))}")
        results = {line["name"]: line["outcome"] for line in run.lines("results.jsonl")}
        cases = run.cases()
        wrong += [f"result of {name} is not in JUnit" for name in results if name not in cases]
        if not cases:
            wrong.append("no JUnit")
    time.sleep(0.5)
    # processes of others come and go meanwhile; ours all have the state folder or the project in their arguments
    left = before.differences(HostState.now())
    return reported, wrong + [line for line in left if not line.startswith("processes:") or base in line]


def main() -> int:
    """Run the cells, a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="REGEX", help="only cells whose name (phase-victim-SIGNAL) has this"
    )
    parser.add_argument("arguments", nargs="*", help="for harness run")
    given = parser.parse_args()
    cells = [kill for kill in every() if re.search(given.only, str(kill))]
    failed = 0
    for kill in cells:
        began, reported = time.monotonic(), 0.0
        try:
            reported, wrong = one(kill, given.arguments)
        except TimeoutError as error:
            wrong = [str(error)]
        failed += bool(wrong)
        junit = f"  (JUnit after {reported:.1f} s)" if reported else ""
        print(
            f"{'wrong' if wrong else 'ok':5}  {time.monotonic() - began:6.1f} s  {kill}{junit}",
            *wrong,
            sep="\n         ",
            flush=True,
        )
    print(f"{len(cells) - failed} of {len(cells)} cells ended as they must")
    return failed


if __name__ == "__main__":
    sys.exit(main())
