"""A small project to supervise: suites of one test, the real plugin, and a cloud of files found by entry points."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import runs.fakes

from harness.runs.processes import Owner

CONFTEST = """
from fakes import FileBuilder
from harness.runs.parts import Parts

pytest_plugins = ("harness.plugin",)

def pytest_harness_parts(config):
    return Parts(builder=FileBuilder)
"""

TESTS = {
    "passing": "def test_it(cluster): assert cluster.group",
    "failing": "def test_it(cluster): assert not cluster.group",
    "endless": "import time\ndef test_it(cluster): time.sleep(600)",
    "parricide": "import os, signal\ndef test_it(cluster): os.kill(os.getppid(), signal.SIGKILL)",
}


START = "from harness.cli.main import main; main()"
START_ON_TERMINAL = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {START}"


@dataclass(frozen=True)
class Command:
    """A harness command."""

    process: subprocess.Popen[bytes]
    output: Path
    """Both of its streams."""

    def wait(self) -> int:
        return self.process.wait(timeout=240)

    @property
    def code(self) -> int | None:
        return self.process.poll()

    @property
    def text(self) -> str:
        """What it said, and what pytest said."""
        return self.output.read_text()

    @property
    def evidence(self) -> str:
        """For the message of a failed assertion."""
        log = self.output.parent / "reports" / "latest" / "build-log.txt"
        return self.text + (log.read_text() if log.exists() else "")


@dataclass(frozen=True)
class Project:
    """The folder the commands run in."""

    folder: Path
    commands: list[Command] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    """More of the commands' environment."""

    @classmethod
    def create(cls, folder: Path) -> Project:
        site = folder / "site"
        info = site / "fakes-0.dist-info"
        info.mkdir(parents=True)
        shutil.copy(runs.fakes.__file__, site / "fakes.py")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fakes\nVersion: 0\n")
        (info / "entry_points.txt").write_text(
            "[harness.sources]\nmodule = fakes:AnyVersion\n\n[harness.deployers]\nkubeadm = fakes:FileDeployer\n\n"
            "[harness.clouds]\nlocal = fakes:FileCloud\nazure = fakes:FileCloud\n"
        )
        (folder / "conftest.py").write_text(CONFTEST)
        (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
        for name, text in TESTS.items():
            (folder / "suites" / name).mkdir(parents=True)
            (folder / "suites" / name / f"test_{name}.py").write_text(text)
        (folder / "harness.toml").write_text('state = "state"\ncache = "cache"\ndeadline = "2m"\ntests = 1\n')
        return cls(folder)

    @property
    def environment(self) -> Mapping[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder / "site"), "PYTHONDONTWRITEBYTECODE": "1", **self.extra}

    def start(self, *arguments: str, terminal: int | None = None) -> Command:
        """A harness command in the background; the fixture ends it with the test.

        :param terminal: file descriptor of the terminal that it leads a session on; its output goes there.
        """
        output = self.folder / f"output-{len(self.commands)}.txt"
        with output.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", START if terminal is None else START_ON_TERMINAL, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=file if terminal is None else terminal,
                stderr=subprocess.STDOUT,
                start_new_session=terminal is not None,
            )
        self.commands.append(Command(process, output))
        return self.commands[-1]

    def harness(self, *arguments: str) -> Command:
        """A harness command, to its end."""
        command = self.start(*arguments)
        command.wait()
        return command

    def end(self) -> None:
        """Kill what a failed test left running."""
        for command in self.commands:
            command.process.kill()
            command.process.wait()
        for entry in self.entries():
            if entry["kind"] != "run":
                continue
            owner = Owner(int(str(entry["pid"])), str(entry["pid_started"]))
            if owner != Owner.this():  # which may have swept
                owner.send(signal.SIGKILL)

    @property
    def groups(self) -> list[str]:
        """What exists in the cloud."""
        return sorted(path.stem for path in (self.folder / "state" / "groups").glob("*.json"))

    def entries(self) -> list[dict[str, object]]:
        """The newest run's ledger."""
        path = self.folder / "reports" / "latest" / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def until(self, kind: str, **fields: object) -> dict[str, object]:
        """Wait for a line of the ledger."""
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            for entry in self.entries():
                if entry["kind"] == kind and fields.items() <= entry.items():
                    return entry
            code = self.commands[0].code
            if code is not None and code >= 0:  # and not killed by the test
                raise AssertionError(f"the command ended: {self.commands[0].evidence}")
            time.sleep(0.02)
        raise AssertionError(f"no line {kind} {fields} in {self.entries()}")

    def pytest_pid(self) -> int:
        """Process id of the supervised pytest: the second owner of the run."""
        return [int(str(entry["pid"])) for entry in self.entries() if entry["kind"] == "run"][1]
