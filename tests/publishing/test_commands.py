"""``harness publish`` and ``harness jenkins trigger``, as they are typed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.cli.main import invoke
from harness.publishing.api import Publication
from harness.publishing.ingest import JOB

from .contract.running import Contract
from .contract.security import TOKEN, USER

Make = Callable[[], Publication]
CLEAN = ("JENKINS_URL", "BUILD_URL", "WORKSPACE", "JENKINS_USER_ID", "JENKINS_API_TOKEN")


@pytest.fixture
def me(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in CLEAN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JENKINS_USER_ID", USER)
    monkeypatch.setenv("JENKINS_API_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_publish(
    contract: Contract, told: Publication, me: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """RUN is a folder or an id; the last line is the address; what it says to people goes to stderr."""
    assert invoke(["publish", str(told.folder), "--to", contract.url]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{contract.url}job/{JOB}/")
    assert "sending" in err
    assert TOKEN not in out + err
    assert invoke(["publish", told.run, "--reports", str(told.folder.parent), "--to", f"{contract.url}job/{JOB}"]) == 0
    again = capsys.readouterr()
    assert again.out == out
    assert "was published already" in again.err
    assert len(contract.builds(told.run)) == 1


def test_publish_inside_jenkins(
    told: Publication, me: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me.setenv("JENKINS_URL", "https://ci.example.org/")
    me.setenv("BUILD_URL", "https://ci.example.org/job/nightly/7/")
    me.setenv("WORKSPACE", str(tmp_path))
    assert invoke(["publish", str(told.folder)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/published/{told.run}\n"
    assert sorted((tmp_path / "published").glob("*/artifacts/junit_*.xml"))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["publish", "RUN"], "--to is not given, and this is no build of Jenkins"),
        (["publish", "RUN", "--to", "https://maria:x@ci.example.org/"], "holds a user or a password"),
        (["publish", "RUN", "--to", "https://ci.example.org/job/a/1/"], "is not the address of a job"),
        (["publish", "RUN", "--to", "DIR", "--deadline", "soon"], "'soon' is not a duration"),
        (["publish", "nowhere", "--to", "DIR"], "no run 'nowhere'"),
        (["jenkins", "trigger", "nightly"], "nightly is only a name"),
        (["jenkins", "trigger", "nightly", "--url", "ci"], "is not an address"),
        (["jenkins", "trigger", "nightly", "--url", "URL", "--retry", "1"], "--retry needs --wait"),
        (["jenkins", "trigger", "nightly", "--url", "URL", "--parameter", "=x"], "has no name"),
        (["jenkins", "trigger", "nightly", "--url", "URL", "--parameter", "UNSET_NAME"], "no environment variable"),
        (["jenkins", "trigger", "nightly", "--url", "URL", "--parameter", "X=1"], "has no parameter X: it has RUN_ID"),
        (["jenkins", "trigger", "nowhere", "--url", "URL"], "HTTP 404: Not Found"),
    ],
)
def test_bad_input(
    contract: Contract,
    told: Publication,
    me: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    says: str,
) -> None:
    """One line, exit code 2, and nothing is sent."""
    places = {"RUN": str(told.folder), "URL": contract.url}
    assert invoke([places.get(word, word) for word in argv]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err
    assert not [entry for entry in contract.journal if entry["method"] == "POST"]


def trigger(contract: Contract, *more: str) -> int:
    return invoke(["jenkins", "trigger", "team/nightly", "--url", contract.url, *more])


def test_trigger(contract: Contract, me: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The log on stdout, its secrets masked; everything else on stderr."""
    me.setenv("TOKEN", "open sesame")
    given = ["--parameter", "RUN_ID=cli", "--parameter", "TOKEN", "--parameter", "LINES=2"]
    assert trigger(contract, *given) == 0
    assert "triggered" in capsys.readouterr().err
    assert trigger(contract, "--wait", *given) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"Started by user {USER}",
        *("line 0 — grüße ☃", "line 1 — grüße ☃", "Finished: SUCCESS"),
    ]
    assert "found" in err
    assert "SUCCESS: " in err
    assert len(contract.builds("cli")) == 1


@pytest.mark.parametrize(
    ("result", "code"), [("UNSTABLE", 1), ("ABORTED", 2), ("FAILURE", 3), ("NOT_BUILT", 5), ("FAILURE,SUCCESS", 0)]
)
def test_exit_codes(contract: Contract, me: pytest.MonkeyPatch, result: str, code: int) -> None:
    run = f"cli {result}"
    given = ["--parameter", f"RUN_ID={run}", "--parameter", f"RESULT={result}", "--parameter", "SECONDS=0"]
    assert trigger(contract, "--wait", *given, *(["--retry", "1"] if "," in result else [])) == code
    assert len(contract.builds(run)) == 1 + ("," in result)


def test_killed_and_typed_again(contract: Contract, make: Make, told: Publication, me: pytest.MonkeyPatch) -> None:
    """The run is published from a folder that has another id than the other tests' one."""
    run = make().run
    folder = told.folder.parent / run
    shutil.copytree(told.folder, folder, ignore=shutil.ignore_patterns(".published.json"))
    plan = folder / "plan.json"
    plan.write_text(plan.read_text().replace(told.run, run))
    argv = ["publish", run, "--reports", str(folder.parent), "--to", contract.url]
    contract.set(executors=0)
    code = "from harness.cli.main import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *argv], cwd=Path(harness.__file__).parents[1])
    contract.fault("kill", path="queue/item", pid=process.pid)
    assert process.wait(30) == -signal.SIGKILL
    contract.set(executors=16)
    assert invoke(argv) == 0
    assert [build["result"] for build in contract.builds(run)] == ["UNSTABLE"]
