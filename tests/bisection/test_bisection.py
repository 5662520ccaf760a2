"""The search, with a made-up ``harness`` that speaks the real one's interface: arguments, exit codes, results.jsonl."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.bisection.api import Candidate, Step, Subject, Verdict
from harness.bisection.bisect import bisect, told
from harness.bisection.record import Record
from harness.bisection.runner import ChildRuns, expression
from harness.bisection.search import left, search
from harness.bisection.walks import Commits, Versions
from harness.errors import DeployError, UsageError

NAME = '[sig-apps] Job should not (ever) fail or "break" [Conformance]'
SUBJECT = Subject("conformance", NAME)
FAKE = """
import json, os, pathlib, sys, time
arguments = sys.argv[1:]
given = dict(zip(arguments[1::2], arguments[2::2]))
reports = pathlib.Path(given["--reports"])
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if arguments[0] == "down":
    sys.exit(0)
source = given["--source"].partition(":")[2]
verdict = json.loads(os.environ["VERDICTS"])[source]
if verdict == "usage":
    print("harness: no such version", file=sys.stderr)
    sys.exit(2)
run = reports / "20261123-223010-a1b2"
run.mkdir(parents=True)
(reports / "latest").symlink_to(run.name)
if verdict == "slow":
    pathlib.Path(os.environ["CALLS"] + ".slow").touch()
    time.sleep(60)
if verdict == "deploy":
    print("a cluster did not come up")
    sys.exit(3)
base = {"suite": given["--suite"], "cell": "c", "classname": "x", "seconds": 1.0, "started": 1.0, "message": "no endpoints"}
other = {"name": "another that the words fit", "nodeid": "b", "outcome": "failed"}
this = {"name": os.environ["NAME"], "nodeid": "a", "outcome": verdict}
rows = json.loads(os.environ.get("RESULTS", "null")) or (other, this)
(run / "results.jsonl").write_text("".join(json.dumps(base | item) + "\\n" for item in rows))
sys.exit(1)
"""


def candidates(count: int) -> list[Candidate]:
    return [Candidate(f"v1.{number}.0", f"module:v1.{number}.0") for number in range(count)]


def asked(verdicts: str) -> tuple[Callable[[Candidate], Step], list[str]]:
    """g, b and u for each candidate; and what was asked."""
    log: list[str] = []
    kinds = {"g": Verdict.GOOD, "b": Verdict.BAD, "u": Verdict.UNTESTABLE}

    def ask(candidate: Candidate) -> Step:
        log.append(candidate.name)
        return Step(candidate.name, kinds[verdicts[int(candidate.name.split(".")[1])]], "", "", 1.0)

    return ask, log


@pytest.mark.parametrize("first", range(1, 33))
def test_every_first_bad_is_found_in_few_steps(first: int) -> None:
    ask, log = asked("g" * first + "b" * (33 - first))
    answer = search(candidates(33), {}, ask)
    assert (answer.first_bad.name, answer.last_good.name) == (f"v1.{first}.0", f"v1.{first - 1}.0")
    assert answer.suspects == ()
    assert len(log) == len(set(log)) <= 2 + left(31)


def test_untestable_ones_are_walked_around_or_named() -> None:
    ask, _ = asked("ggguubbbb")
    answer = search(candidates(9), {}, ask)
    assert (answer.last_good.name, answer.first_bad.name) == ("v1.2.0", "v1.5.0")
    assert [item.name for item in answer.suspects] == ["v1.3.0", "v1.4.0"]
    assert answer.evidence.candidate == "v1.5.0"


@pytest.mark.parametrize(
    ("verdicts", "error", "text"),
    [
        ("ggg", UsageError, "passes on v1.2.0"),
        ("bbb", UsageError, "fails on v1.0.0"),
        ("ggu", DeployError, "the bad end"),
    ],
)
def test_wrong_ends_are_said(verdicts: str, error: type[Exception], text: str) -> None:
    ask, _ = asked(verdicts)
    with pytest.raises(error, match=text):
        search(candidates(3), {}, ask)


class Made:
    """The made-up command, and what it was called with."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls_path = folder / "calls.jsonl"
        self.command = (sys.executable, "-c", FAKE)
        self.monkeypatch = monkeypatch
        monkeypatch.setenv("CALLS", str(self.calls_path))
        monkeypatch.setenv("NAME", NAME)

    def verdicts(self, **outcomes: str) -> None:
        self.monkeypatch.setenv(
            "VERDICTS", json.dumps({name.replace("_", "."): value for name, value in outcomes.items()})
        )

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(row) for row in self.calls_path.read_text().splitlines()]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(tmp_path, monkeypatch)


SERVED = ("v1.36.0", "v1.36.1", "v1.37.0-rc.1", "v1.37.0", "v1.37.1", "v1.37.2")
GOOD_TO_BAD = {"v1_36_0": "passed", "v1_36_1": "passed", "v1_37_0": "deploy", "v1_37_1": "failed", "v1_37_2": "failed"}


def test_a_whole_search_ends_with_its_evidence(tmp_path: Path, made: Made) -> None:
    made.verdicts(**GOOD_TO_BAD)
    record = Record.open(tmp_path / "reports", {"test": NAME})
    said: list[str] = []
    runner = ChildRuns(made.command, ("--workers", "2"))
    answer = bisect(Versions(lambda: SERVED), runner, record, SUBJECT, ("v1.36.0", "v1.37.2"), said.append)
    assert (answer.last_good.name, answer.first_bad.name) == ("v1.36.1", "v1.37.1")
    assert [item.name for item in answer.suspects] == ["v1.37.0"]
    text = told(answer)
    assert "evidence: no endpoints" in text
    assert "steps/v1.37.1/20261123-223010-a1b2/index.html" in text
    assert "compare/v1.36.1...v1.37.1" in text
    assert "exit code 3, and no result of this test: a cluster did not come up" in text
    call = made.calls[0]
    assert call[:5] == ["run", "--source", "module:v1.37.2", "--suite", "conformance"]
    assert call[-3:-1] == ["--", "-k"]
    assert "--workers" in call


def test_the_same_question_goes_on_where_it_was(tmp_path: Path, made: Made) -> None:
    made.verdicts(**GOOD_TO_BAD)
    question = {"test": NAME, "good": "v1.36.0"}
    record = Record.open(tmp_path, question)
    record.add(Step("v1.37.2", Verdict.BAD, "known", "", 1.0))
    record.add(Step("v1.36.0", Verdict.GOOD, "", "", 1.0))
    with (record.folder / "steps.jsonl").open("a") as file:
        file.write('{"candidate": "v1.37')
    unfinished = record.place("v1.37.0")
    unfinished.mkdir(parents=True)
    (unfinished / "latest").symlink_to("20261101-000000-dead")
    again = Record.open(tmp_path, question)
    answer = bisect(Versions(lambda: SERVED), ChildRuns(made.command), again, SUBJECT, ("v1.36.0", "v1.37.2"), print)
    assert answer.first_bad.name == "v1.37.1"
    sources = [call[2] for call in made.calls if call[0] == "run"]
    assert "module:v1.37.2" not in sources
    assert ["down", "--run", "latest", "--reports", str(unfinished)] in made.calls


def test_an_interrupted_search_ends_its_step_and_resumes(tmp_path: Path, made: Made) -> None:
    made.verdicts(**{**GOOD_TO_BAD, "v1_36_1": "slow"})
    script = (
        "import sys; from harness.bisection.bisect import bisect; from harness.bisection.record import Record;"
        "from harness.bisection.api import Subject; from harness.bisection.runner import ChildRuns;"
        "from harness.bisection.walks import Versions; from pathlib import Path;"
        f"bisect(Versions(lambda: {SERVED!r}), ChildRuns({made.command!r}), Record.open(Path({str(tmp_path)!r}), {{'q': 1}}),"
        f"Subject('conformance', {NAME!r}), ('v1.36.0', 'v1.37.2'), print)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    slow = Path(f"{made.calls_path}.slow")
    until = time.monotonic() + 60
    while not slow.exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "AbortedError" in out
    assert "the same command goes on from here" in out
    record = Record.open(tmp_path, {"q": 1})
    assert {"v1.36.0", "v1.37.2"} <= record.steps().keys()
    assert "v1.36.1" not in record.steps()
    shutil_latest = record.place("v1.36.1") / "20261123-223010-a1b2"
    for path in (shutil_latest.parent / "latest", shutil_latest):
        path.unlink() if path.is_symlink() else path.rmdir()
    made.verdicts(**GOOD_TO_BAD)
    answer = bisect(Versions(lambda: SERVED), ChildRuns(made.command), record, SUBJECT, ("v1.36.0", "v1.37.2"), print)
    assert answer.last_good.name == "v1.36.1"


def test_a_version_that_cannot_be_had_is_untestable(tmp_path: Path, made: Made) -> None:
    made.verdicts(v1="usage")
    step = ChildRuns(made.command).test(Candidate("v1", "module:v1"), SUBJECT, tmp_path / "step")
    assert (step.verdict, step.message) == (
        Verdict.UNTESTABLE,
        "exit code 2, and no result of this test: harness: no such version",
    )


def test_good_means_passed_every_time(tmp_path: Path, made: Made) -> None:
    made.verdicts(v1="passed")
    step = ChildRuns(made.command, repeat=3).test(Candidate("v1", "module:v1"), SUBJECT, tmp_path / "step")
    assert step.verdict is Verdict.GOOD
    assert len(made.calls) == 3


def modules(**outcomes: str) -> str:
    """Results of functions of one name, in several modules of a suite."""
    rows = [
        {
            "name": "test_pod",
            "classname": f"volumes.test_{name}",
            "nodeid": f"suites/volumes/test_{name}.py::test_pod",
            "outcome": outcome,
        }
        for name, outcome in outcomes.items()
    ]
    return json.dumps(rows)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (Subject("volumes", "test_pod", "volumes.test_disk"), Verdict.GOOD),
        (Subject("volumes", "test_pod", "volumes.test_file"), Verdict.BAD),
        (Subject("volumes", "test_pod", "volumes.test_file", "./suites/volumes/test_file.py::test_pod"), Verdict.BAD),
        (Subject("volumes", "test_pod", "volumes.test_blob"), Verdict.UNTESTABLE),
    ],
)
def test_a_function_of_another_module_is_another_test(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch, subject: Subject, expected: Verdict
) -> None:
    made.verdicts(v1="")
    for number, results in enumerate((modules(disk="passed", file="failed"), modules(file="failed", disk="passed"))):
        monkeypatch.setenv("RESULTS", results)
        step = ChildRuns(made.command).test(Candidate("v1", "module:v1"), subject, tmp_path / str(number))
        assert step.verdict is expected


def test_two_modules_of_one_name_are_refused(tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """In folders of one suite; neither is the other's result."""
    made.verdicts(v1="")
    rows = json.loads(modules(disk="passed")) * 2
    rows[1] = rows[1] | {"nodeid": "suites/volumes/more/test_disk.py::test_pod", "outcome": "failed"}
    monkeypatch.setenv("RESULTS", json.dumps(rows))
    subject = Subject("volumes", "test_pod", "volumes.test_disk")
    runner, candidate = ChildRuns(made.command), Candidate("v1", "module:v1")
    with pytest.raises(UsageError, match=r"in suites/volumes/more/test_disk.py, suites/volumes/test_disk.py; give the"):
        runner.test(candidate, subject, tmp_path / "name")
    named = replace(subject, nodeid="suites/volumes/more/test_disk.py::test_pod")
    assert runner.test(candidate, named, tmp_path / "id").verdict is Verdict.BAD


def test_a_failure_on_any_cell_is_one(tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made.verdicts(v1="")
    rows = [
        row | {"cell": row["outcome"]}
        for row in json.loads(modules(disk="passed")) + json.loads(modules(disk="failed"))
    ]
    monkeypatch.setenv("RESULTS", json.dumps(rows))
    subject = Subject("volumes", "test_pod", "volumes.test_disk")
    assert ChildRuns(made.command).test(Candidate("v1", "module:v1"), subject, tmp_path).verdict is Verdict.BAD


def test_the_expression_selects_the_test(tmp_path: Path) -> None:
    """By pytest itself."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n"
        "class Item(pytest.Item):\n    def runtest(self): pass\n"
        "class File(pytest.File):\n    def collect(self):\n"
        f"        return [Item.from_parent(self, name=name) for name in ({NAME!r}, '[sig-apps] Job should pass')]\n"
        "def pytest_collect_file(file_path, parent):\n"
        "    return File.from_parent(parent, path=file_path) if file_path.suffix == '.yaml' else None\n"
    )
    (tmp_path / "specs.yaml").write_text("")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", "-k", expression(NAME), str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert [row for row in done.stdout.splitlines() if "::" in row] == [f"specs.yaml::{NAME}"]


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        (("v1.37.2", "v1.36.0"), "does not come before"),
        (("1.36", "v1.37.2"), "not a version"),
        (("v1.36.9", "v1.37.2"), "no such version"),
    ],
)
def test_wrong_versions_are_refused(ends: tuple[str, str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Versions(lambda: SERVED).candidates(*ends)


def test_pre_releases_only_where_one_is_an_end() -> None:
    assert [item.name for item in Versions(lambda: SERVED).candidates("v1.36.1", "v1.37.1")] == [
        "v1.36.1",
        "v1.37.0",
        "v1.37.1",
    ]
    assert [item.name for item in Versions(lambda: SERVED).candidates("v1.37.0-rc.1", "v1.37.1")][:2] == [
        "v1.37.0-rc.1",
        "v1.37.0",
    ]


def test_commits_of_a_checkout_follow_its_first_parents(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=m", "-c", "user.email=m@example.org", "-c", "init.defaultBranch=main"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "-q")
    for title in ("one", "two"):
        git("commit", "-qm", title, "--allow-empty")
    git("checkout", "-qb", "side")
    git("commit", "-qm", "aside", "--allow-empty")
    git("checkout", "-q", "main")
    git("commit", "-qm", "three", "--allow-empty")
    git("merge", "-q", "--no-ff", "-m", "merge", "side")
    found = Commits(tmp_path).candidates("main~3", "main")
    assert [item.title for item in found] == ["one", "two", "three", "merge"]
    assert found[-1].source == f"git:{tmp_path}@{git('rev-parse', 'main')}"
    with pytest.raises(UsageError, match="not an ancestor"):
        Commits(tmp_path).candidates("side", "main~1")
    with pytest.raises(UsageError, match="no such commit"):
        Commits(tmp_path).candidates("nothing", "main")


def test_a_step_is_read_back(tmp_path: Path) -> None:
    record = Record.open(tmp_path, {"a": 1})
    step = Step("v1", Verdict.BAD, "x", "f", 2.0)
    record.add(step)
    record.add(replace(step, verdict=Verdict.GOOD))
    assert record.steps() == {"v1": replace(step, verdict=Verdict.GOOD)}
    record.forget()
    assert record.steps() == {}
