"""A run that stops in the phases it is told, and how its end is looked at."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import recording_fabric
from junitparser import JUnitXml
from kill_cells import LIVES, PHASES

from harness.cli.commands.sweep import sweep
from harness.clouds.holders import started
from harness.clouds.server import ServerInfo
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts
from harness.runs.processes import Owner
from harness.runs.state import RunState
from harness.settings import Settings, load

from . import staged_path
from .project import Command, Project
from .staged import StagedCloud, StagedDeployer

PATIENCE = 180.0
"""Seconds; a busy host takes its time."""

SUITE = """
import os, time
from pathlib import Path
from staged import gate

def results():
    path = Path(os.environ["STAGES"]).parent / "reports" / "latest" / "results.jsonl"
    return path.read_text() if path.exists() else ""

def test_a_first(cluster):
    assert cluster.group

def test_b_stops(cluster):
    until = time.monotonic() + 60
    while "test_a_first" not in results() and time.monotonic() < until:
        time.sleep(0.02)
    gate("testing")

def test_c_last(cluster):
    assert OUTCOME
"""


class Staged:
    """A project whose runs stop at chosen phases."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.project = Project.create(folder)
        self.folder = folder
        self.state = state
        self.stages = folder / "stages"
        self.stages.mkdir()
        site = folder / "site"
        shutil.copy(staged_path(), site / "staged.py")
        shutil.copy(recording_fabric.__file__, site / "recording_fabric.py")
        (site / "fakes-0.dist-info" / "entry_points.txt").write_text(
            "[harness.sources]\nmodule = fakes:AnyVersion\n\n[harness.deployers]\nkubeadm = staged:StagedDeployer\n\n"
            "[harness.clouds]\nlocal = staged:StagedCloud\n"
        )
        conftest = (
            (folder / "conftest.py").read_text().replace("fakes import FileBuilder", "staged import StagedBuilder")
        )
        (folder / "conftest.py").write_text(
            conftest.replace("FileBuilder)", "StagedBuilder)").replace("StagedStaged", "Staged")
        )
        for name, outcome in (("good", "True"), ("bad", "False")):
            (folder / "suites" / name).mkdir()
            (folder / "suites" / name / f"test_{name}.py").write_text(SUITE.replace("OUTCOME", outcome))
        (folder / "harness.toml").write_text(
            f'state = "{state}"\ncache = "cache"\ndeadline = "10m"\ntests = 1\ninfra-reruns = 0\n'
        )
        self.project.extra["STAGES"] = str(self.stages)

    @property
    def settings(self) -> Settings:
        return load({"state": str(self.state), "reports": "reports", "cache": "cache"}, {}, self.folder)

    def start(self, *phases: str, suite: str = "good") -> Command:
        """A run that stops at these phases."""
        (self.stages / "stop-at").write_text("\n".join(phases))
        return self.project.start("run", "--suite", suite)

    def wait_at(self, phase: str) -> None:
        """Wait until the run is in this phase, and has all the processes it is going to have there."""
        if phase == "reporting":
            self.wait(lambda: ("", "report") in self.state_now.phases)
            return
        self.wait((self.stages / f"at-{phase}").exists)
        if phase in LIVES["worker"]:
            self.wait((self.run.path / "planned.json").exists)

    def go(self, *phases: str) -> None:
        """Let it go on; a test that is to be cut off in the middle is not let go."""
        for phase in phases or PHASES:
            (self.stages / f"go-{phase}").touch()

    def wait_for_nothing(self) -> None:
        """Wait until nothing is left; what has just been killed may take a moment."""
        until = time.monotonic() + 30
        while found := self.left():
            assert time.monotonic() < until, f"left: {found}\n{self.evidence}"
            time.sleep(0.1)

    def wait(self, condition: object, patience: float = PATIENCE) -> None:
        until = time.monotonic() + patience
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < until, f"not within {patience:.0f} s:\n{self.evidence}"
            time.sleep(0.01)

    @property
    def run(self) -> RunFolder:
        return RunFolder((self.folder / "reports" / "latest").resolve())

    @property
    def state_now(self) -> RunState:
        return RunState.of(Ledger(self.run.ledger).read())

    @property
    def evidence(self) -> str:
        entries = "\n".join(json.dumps(entry) for entry in self.project.entries())
        said = "\n".join(command.evidence for command in self.project.commands)
        return f"{said}\n{entries}"

    def pid(self, victim: str) -> int:
        """Process id of one of the run's processes."""
        if victim == "server":
            facts = json.loads((self.state / "localazure" / "server.json").read_text())
            pid = int(facts["pid"])
            assert started(pid) == str(facts["pid_started"]), "the server does not run, and its id may be another's"
            return pid
        if victim == "worker":
            return self._worker()
        if victim == "supervisor":
            return self.project.commands[0].process.pid
        return next(owner.pid for owner in self.state_now.owners if owner.role == victim)

    def _worker(self) -> int:
        controller = self.pid("controller")
        for task in Path(f"/proc/{controller}/task").iterdir():
            for child in (task / "children").read_text().split():
                if b"exec(eval(sys.stdin" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        raise AssertionError(f"no worker below {controller}")

    def settle(self, command: Command) -> None:
        """Wait until the command and everybody who works on its run has ended."""
        command.process.wait(timeout=PATIENCE)
        self.wait(lambda: not self.state_now.live_owners())

    def sweep(self) -> None:
        """What ``harness sweep`` does, but for other runs of this host."""
        items = sweep(self.settings, self.parts, lambda item: None)
        failed = [item for item in items if item.action == "failed"]
        assert not failed, f"{failed}\n{self.evidence}"

    @property
    def parts(self) -> Parts:
        return Parts(cloud=lambda name: StagedCloud, deployer=lambda name: StagedDeployer)  # type: ignore[arg-type, return-value]

    def open(self) -> StagedCloud:
        return StagedCloud(self.settings)

    def open_groups(self) -> list[str]:
        """Resource groups of this run that exist."""
        with self.open() as cloud:
            return [group.name for group in cloud.groups({}) if self.run.path.name in group.name]

    def left(self) -> list[str]:
        """Everything that a swept run must not leave: resources, processes, claims."""
        found = [f"group {name}" for name in self.open_groups()]
        server = self.pid("server")
        found += [f"process {pid}" for pid in self._processes() if pid not in (server, os.getpid())]
        state = self.state_now
        found += [f"in the ledger: {name}" for _, name in state.remaining]
        return found + [f"claim of {owner}" for owner in state.owners]

    def _processes(self) -> Iterator[int]:
        wanted = f"STAGES={self.stages}\0".encode()
        for entry in Path("/proc").iterdir():
            try:
                if (
                    entry.name.isdigit()
                    and wanted in (entry / "environ").read_bytes()
                    and Owner.of(int(entry.name)).started
                ):
                    yield int(entry.name)
            except OSError:  # it ended
                continue

    def junit(self) -> dict[str, str]:
        """Test -> passed, failed, error or skipped; every file has to parse."""
        found: dict[str, str] = {}
        for path in (self.run.path / "artifacts").glob("junit_*.xml"):
            for suite in JUnitXml.fromfile(str(path)):
                for case in suite:
                    kinds = [type(result).__name__.lower() for result in case.result]
                    found[case.name] = kinds[0] if kinds else "passed"
        return found

    def results(self) -> dict[str, str]:
        """Test -> outcome, of every whole line."""
        path = self.run.results
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return {raw["name"]: raw["outcome"] for raw in map(json.loads, lines)}

    def end(self) -> None:
        """Kill what a failed test left running."""
        self.go()
        self.project.end()
        info = ServerInfo.read(self.state / "localazure" / "server.json")
        for pid in list(self._processes()):
            if pid not in (os.getpid(), info and info.pid):
                os.kill(pid, signal.SIGKILL)
