"""A small checkout: suites, a conftest that loads the plugin, a cloud of files, and an e2e.test that is a Python program.

Everything else is real: pytest in a process of its own, xdist, the run's lifecycle and ledger, the parallel protocol.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ginkgo.builds
import runs.fakes

CONFTEST = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})

pytest_plugins = ("harness.plugin",)


def pytest_harness_parts(config):
    from harness.runs.parts import Parts
    from runs.fakes import FileBuilder, FileCloud, FileDeployer

    class ReadyBuilder(FileBuilder):
        def build(self, source, progress):
            return super().build(source, progress) if source == "module:v0.0.0" else self.find(source)

    return Parts(
        deployer=lambda name: FileDeployer,
        cloud=lambda name: FileCloud,
        builder=ReadyBuilder,
    )
"""

SPECS = (
    "[sig-apps] Job passes [Conformance]",
    "[sig-apps] Job fails [Conformance]",
    "[sig-node] Pods serial [Serial] [Conformance]",
    "[sig-node] Pods sleeps 0.2 [Conformance]",
    "[sig-storage] Volumes skips [Conformance]",
    "[sig-storage] Volumes slow [Slow]",
)

CELL = "v1.37.2-kubeadm-westeurope"


@dataclass(frozen=True)
class Outcome:
    """What one pytest process did."""

    code: int
    out: str
    results: list[dict]
    """Lines of results.jsonl of the newest run."""
    ledger: list[dict]

    @property
    def by_name(self) -> dict[str, dict]:
        return {result["name"]: result for result in self.results}

    @property
    def outcomes(self) -> dict[str, str]:
        """Of each test's last result."""
        return {name: result["outcome"] for name, result in self.by_name.items()}

    def phases(self, name: str) -> list[str]:
        """States of one phase in order."""
        return [line["state"] for line in self.ledger if line["kind"] == "phase" and line["phase"] == name]


@dataclass(frozen=True)
class Project:
    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Project:
        assert runs.fakes
        project = cls(folder)
        project.write("conftest.py", CONFTEST)
        project.write(
            "harness.toml", 'reports = "reports"\ncache = "cache"\nstate = "state"\ndeadline = "5m"\ntests = 3\n'
        )
        project.write(
            "pytest.ini", "[pytest]\naddopts = --strict-markers -p no:cacheprovider\nfilterwarnings = error\n"
        )
        project.specs(*SPECS)
        return project

    def specs(self, *texts: str) -> None:
        """What e2e.test offers."""
        ginkgo.builds.make_build(self.folder / "cache", *texts)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *arguments: str, environ: Mapping[str, str] = {}) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not re.match("PYTEST|HARNESS", name)} | dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str], timeout: float = 300) -> Outcome:
        try:
            out, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            raise AssertionError(f"hung:\n{process.communicate()[0]}") from None
        latest = self.folder / "reports" / "latest"
        return Outcome(process.returncode, out, _lines(latest / "results.jsonl"), _lines(latest / "ledger.jsonl"))

    def run(self, *arguments: str, environ: Mapping[str, str] = {}) -> Outcome:
        return self.finish(self.start(*arguments, environ=environ))

    @property
    def groups(self) -> list[str]:
        """Resource groups that exist."""
        return sorted(path.stem for path in (self.folder / "state" / "groups").glob("*.json"))

    @property
    def ran(self) -> list[str]:
        return [text for _, text in ginkgo.builds.ran(self.folder / "cache")]


def _lines(path: Path) -> list[dict]:
    """Whole lines; a killed process may have left a torn one."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]
