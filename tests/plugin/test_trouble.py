"""Clusters that do not come up, workers that die, signals, deadlines: no hang, no lost result, nothing left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from .project import Project

PASSING = "def test_it(cluster): pass\n"


def wait_for(path: Path, timeout: float = 120) -> None:
    until = time.monotonic() + timeout
    while not path.exists():
        assert time.monotonic() < until, f"no {path}"
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "n2"])
def test_tests_of_a_cell_that_never_came_up_are_skipped_with_its_reason(
    project: Project, workers: tuple[str, ...]
) -> None:
    project.write("suites/alpha/specs.yaml", "label_filter: Conformance\n")
    project.write("suites/beta/test_b.py", PASSING)
    done = project.run("suites", "--location", "failing", *workers)
    assert done.code == 3, done.out
    assert {result["outcome"] for result in done.results} == {"skipped"}
    assert len(done.results) == 6
    assert all("v1.37.2-kubeadm-failing did not come up: wait for nodes" in it["message"] for it in done.results)
    assert project.groups == []


def test_a_build_that_fails_skips_its_tests(project: Project) -> None:
    project.write("suites/alpha/specs.yaml", "label_filter: Conformance\n")
    project.write("suites/beta/test_b.py", PASSING)
    done = project.run("suites", "--source", "module:v0.0.0", "-n", "2")
    assert done.code == 3, done.out
    assert done.outcomes == {"test_it": "skipped"}
    assert "undefined: x" in done.by_name["test_it"]["message"]


@pytest.mark.parametrize("workers", ["1", "2", "4"])
def test_a_worker_that_dies_loses_one_test_and_hangs_nothing(project: Project, workers: str) -> None:
    project.write("suites/beta/test_a.py", "import os\ndef test_dies(cluster): os.kill(os.getpid(), 9)\n")
    project.write(
        "suites/beta/test_b.py",
        "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_it(cluster, n): pass\n",
    )
    project.write(
        "suites/beta/test_c.py",
        "import os, pytest\n@pytest.mark.exclusive\ndef test_dies_alone(cluster): os.kill(os.getpid(), 9)\n",
    )
    done = project.run("suites", "-n", workers)
    assert done.outcomes == {f"test_it[{n}]": "passed" for n in range(6)} | {
        "test_dies": "harness",
        "test_dies_alone": "harness",
    }
    assert done.code == 4, done.out
    assert len(done.results) == 8
    assert project.groups == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "n2"])
def test_a_signal_keeps_results_and_leaves_nothing(project: Project, number: int, workers: tuple[str, ...]) -> None:
    project.specs("[sig-apps] Job passes", "[sig-apps] Job hangs")
    project.write("suites/alpha/specs.yaml", "name: alpha\n")
    process = project.start("suites", *workers)
    wait_for(project.folder / "cache" / "hanging")
    wait_for(project.folder / "reports" / "latest" / "results.jsonl")
    os.kill(process.pid, number)
    done = project.finish(process)
    assert done.code == 2, done.out
    assert done.by_name.get("[sig-apps] Job passes", {}).get("outcome") == "passed"
    assert done.by_name["[sig-apps] Job hangs"]["outcome"] == "aborted"
    assert project.groups == []
    assert done.phases("down") == ["started", "passed"]


def test_the_deadline_cuts_tests_and_not_teardown(project: Project) -> None:
    project.specs("[sig-apps] Job passes", "[sig-apps] Job deaf")
    project.write("suites/alpha/specs.yaml", "name: alpha\n")
    done = project.run("suites", "-n", "1", "--deadline", "12s")
    assert done.code == 2, done.out
    assert project.groups == []


def test_an_existing_run_is_used_and_left_up(project: Project) -> None:
    project.write("suites/beta/test_b.py", PASSING)
    kept = project.run("suites", "--keep", "always")
    assert kept.code == 0, kept.out
    assert len(project.groups) == 1
    run = (project.folder / "reports" / "latest").resolve().name
    late = project.run("suites", "--run", run, "--deadline", "3m", "--step-limit", "2m")
    assert late.code == 2, late.out
    assert "--deadline 3m is not shorter than --step-limit 2m" in late.out
    done = project.run("suites", "--run", run, "-n", "2")
    assert done.code == 0, done.out
    assert len(project.groups) == 1
    assert len(done.results) == 2
