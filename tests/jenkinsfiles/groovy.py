"""The recorder: Groovy 2.4.21, which Jenkins compiles Jenkinsfiles with, and one JVM for all scenarios of a test run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

VERSION = "2.4.21"
RECORDER = Path(__file__).parent / "recorder"
JENKINS = Path(__file__).parents[2] / "jenkins"
_JAR = f"/usr/share/java/groovy-all-{VERSION}.jar"
_SECONDS = 120


def library() -> dict[str, str]:
    """Name -> text of everything in vars/."""
    return {path.stem: path.read_text() for path in sorted((JENKINS / "vars").glob("*.groovy"))}


@dataclass(frozen=True)
class Scenario:
    """One build: which file, with what parameters and environment, and what its steps do."""

    name: str
    text: str
    params: Mapping[str, object] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[Mapping[str, object]] = ()
    """For each: ``step``, ``holds`` (text in it), ``cell``, ``post`` say which steps; ``exit``, ``minutes``, ``endless``, ``aborted``,
    ``missing``, ``failures``, ``fails``, ``prints``, ``value`` what they do. The first that fits counts."""
    previous: str | None = None
    first: bool = False
    """The job's first build: what the file declares, the job learns by it."""
    library: Mapping[str, str] = field(default_factory=library)


@dataclass(frozen=True)
class Trace:
    """What the build did."""

    name: str
    problems: list[str]
    result: str
    events: list[dict[str, Any]]
    cells: list[dict[str, str]]
    declared: list[Any]
    minutes: float
    displayName: str  # noqa: N815 - Jenkins' name
    description: str

    def steps(self, name: str, holds: str = "", **where: object) -> list[dict[str, Any]]:
        """Events of one step, with this text in their arguments."""
        return [
            event
            for event in self.events
            if event["step"] == name
            and holds in " ".join(map(str, event["arguments"].values()))
            and all(event[key] == value for key, value in where.items())
        ]

    def options(self, name: str) -> list[Any]:
        return [given for kind, word, given in self.declared if (kind, word) == ("option", name)]


def command() -> list[str]:
    """How to start the recorder; ends the tests in one line if Java or Groovy is missing."""
    java = shutil.which("java")
    jar = Path(os.environ.get("GROOVY_ALL_JAR", _JAR))
    if java is None or not jar.exists():
        lacking = "Java" if java is None else f"Groovy {VERSION} ({jar}, or GROOVY_ALL_JAR)"
        pytest.fail(
            f"{lacking} is missing; make setup installs it: apt-get install default-jre-headless groovy", pytrace=False
        )
    # one start, mostly compiling: the second compiler and parallel collection cost more than they bring
    flags = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
    return [java, *flags, "-cp", f"{jar}:{RECORDER}", "groovy.ui.GroovyMain", str(RECORDER / "Main.groovy")]


def run(scenarios: Sequence[Scenario], folder: Path) -> dict[str, Trace]:
    """Run all of them, unless another worker of this test run has done so; by name."""
    names = [scenario.name for scenario in scenarios]
    assert len(set(names)) == len(names), "scenarios need names of their own"
    request = json.dumps({"scenarios": [asdict(scenario) for scenario in scenarios]})
    answer = folder / f"traces-{hashlib.sha256(request.encode()).hexdigest()[:16]}.json"
    with FileLock(f"{answer}.lock"):
        if not answer.exists():
            asked, fresh = answer.with_suffix(".request"), answer.with_suffix(".new")
            asked.write_text(request)
            done = subprocess.run(
                [*command(), str(asked), str(fresh)], capture_output=True, text=True, timeout=_SECONDS, check=False
            )
            if done.returncode != 0 or not fresh.exists():
                pytest.fail(f"the recorder failed:\n{done.stdout}{done.stderr}", pytrace=False)
            fresh.replace(answer)
    found = json.loads(answer.read_text())
    if found["groovy"] != VERSION:
        pytest.fail(f"Jenkins compiles with Groovy {VERSION}, and this is {found['groovy']}", pytrace=False)
    return {raw["name"]: Trace(**raw) for raw in found["traces"]}
