"""A suite that takes too long: its tests are cut off or not begun, other suites go on, and a resumed run repeats what was lost."""

from __future__ import annotations

import pytest

from .project import Project

LONG = """
import time, pathlib, pytest

HERE = pathlib.Path(__file__).parent

def wait():
    while not (HERE / "go").exists():
        try:
            time.sleep(60)
        except Exception:
            pass

@pytest.fixture
def cleaned():
    yield
    (HERE / "cleaned").touch()

@pytest.fixture
def slow(cleaned):
    wait()

def test_a_runs(cluster): pass
def test_b_waits(cluster, cleaned): wait()
def test_c_prepares(cluster, slow): pass
def test_d_comes_later(cluster): wait()
"""

TOO_LONG = "the suite's timeout of 10s has passed"


@pytest.mark.parametrize("workers", [(), ("-n", "1"), ("-n", "2")], ids=["alone", "n1", "n2"])
def test_a_suite_out_of_time_ends_and_others_go_on(project: Project, workers: tuple[str, ...]) -> None:
    project.write("suites/alpha/suite.yaml", "timeout: 10s\n")
    project.write("suites/alpha/test_a.py", LONG)
    project.write("suites/beta/test_b.py", "def test_other(cluster): pass\n")
    done = project.run("suites", *workers)
    assert done.code == 2, done.out
    assert done.outcomes == {
        "test_a_runs": "passed",
        "test_b_waits": "aborted",
        "test_c_prepares": "aborted",
        "test_d_comes_later": "aborted",
        "test_other": "passed",
    }
    late = [result for result in done.results if result["outcome"] == "aborted"]
    assert all(TOO_LONG in result["message"] for result in late)
    assert sum(result["seconds"] for result in late) < 45
    assert (project.folder / "suites/alpha/cleaned").exists()
    assert project.groups == []


def test_a_spec_out_of_time_is_stopped_and_not_failed(project: Project) -> None:
    project.specs("[sig-apps] Job passes", "[sig-apps] Job hangs")
    project.write("suites/alpha/specs.yaml", "name: alpha\n")
    project.write("suites/alpha/suite.yaml", "timeout: 10s\n")
    done = project.run("suites", "-n", "2")
    assert done.code == 2, done.out
    assert done.outcomes == {
        "[sig-apps] Job passes": "passed",
        "[sig-apps] Job hangs": "aborted",
    }
    hung = done.by_name["[sig-apps] Job hangs"]
    assert TOO_LONG in hung["message"]
    assert "output of [sig-apps] Job hangs" in hung["stdout"]


def test_a_resumed_run_gives_the_suite_its_time_again(project: Project) -> None:
    project.write("suites/alpha/suite.yaml", "timeout: 10s\n")
    project.write("suites/alpha/test_a.py", LONG)
    first = project.run("suites", "-n", "2")
    assert first.code == 2, first.out
    project.write("suites/alpha/go", "")
    again = project.run("suites", "-n", "2", "--resume", "latest")
    assert again.code == 0, again.out
    assert {result["outcome"] for result in again.by_name.values()} == {"passed"}


@pytest.mark.parametrize(
    ("files", "arguments", "words"),
    [
        ({"suite.yaml": "timeout: 5m\n"}, (), ["timeout in ", "suites/alpha/suite.yaml, 5m", "--deadline, 5m"]),
        ({"suite.yaml": "timeout: soon\n"}, (), ["suites/alpha/suite.yaml: timeout: 'soon' is not a duration"]),
        ({"suite.yaml": "timeout: 2m\n", "specs.yaml": "timeout: 3m\n"}, (), ["specs.yaml, 3m", "suite.yaml, 2m"]),
        ({"specs.yaml": "timeout: 10m\n"}, (), ["specs.yaml, 10m", "--deadline, 5m"]),
        ({"suite.yaml": "timeout: 2m\n"}, ("--timeout", "120"), ["pytest's --timeout, 120", "suite.yaml, 2m"]),
    ],
)
def test_limits_that_are_not_nested_are_refused(
    project: Project, files: dict[str, str], arguments: tuple[str, ...], words: list[str]
) -> None:
    project.write("suites/alpha/test_a.py", "def test_it(cluster): pass\n")
    for name, text in files.items():
        project.write(f"suites/alpha/{name}", text)
    done = project.run("suites", "-n", "2", *arguments)
    assert done.code == 2, done.out
    assert [word for word in words if word not in " ".join(done.out.split())] == []
    assert not any(line["kind"] == "phase" and line["phase"] == "deploying" for line in done.ledger)
