"""Whoever is killed, whenever: clusters go, the exit code says so, and the ledger alone is enough."""

from __future__ import annotations

import json
import os
import pty
import signal
import time

import pytest

from .project import Project

pytestmark = pytest.mark.root  # the checks before a run on the local cloud ask for root


@pytest.mark.parametrize(("suite", "code"), [("passing", 0), ("failing", 1)])
def test_a_run_ends_with_its_verdict_and_leaves_nothing(project: Project, suite: str, code: int) -> None:
    done = project.harness("run", "--suite", suite)
    assert done.code == code, done.evidence
    assert project.groups == []
    assert project.entries()[-1]["phase"] == "report"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_tests_takes_clusters_down_and_is_never_a_success(project: Project, number: int) -> None:
    process = project.start("run", "--suite", "endless")
    project.until("cluster")
    process.process.send_signal(number)
    process.wait()
    assert process.code == 2, process.evidence
    assert project.groups == []


def test_sigterm_while_a_cluster_comes_up(project: Project) -> None:
    process = project.start("run", "--suite", "passing", "--location", "slow")
    project.until("progress", text="waiting, 3")
    process.process.terminate()
    process.wait()
    assert process.code == 2, process.evidence
    assert project.groups == []


def test_kill_9_of_pytest_leaves_the_teardown_to_the_supervisor(project: Project) -> None:
    done = project.harness("run", "--suite", "parricide")
    assert done.code == 4, done.evidence
    assert "killed by signal 9" in done.text
    assert project.groups == []


def test_kill_9_of_the_supervisor_is_noticed_by_pytest(project: Project) -> None:
    process = project.start("run", "--suite", "endless")
    project.until("cluster")
    pid = project.pytest_pid()
    process.process.kill()
    process.wait()
    limit = time.monotonic() + 120
    while project.groups and time.monotonic() < limit:
        time.sleep(0.05)
    assert project.groups == []
    project.until("run", state="ended", pid=pid)


def test_kill_9_of_both_and_then_down_from_the_ledger(project: Project) -> None:
    process = project.start("run", "--suite", "endless")
    project.until("cluster")
    child = project.pytest_pid()
    os.kill(process.process.pid, signal.SIGSTOP)
    os.kill(child, signal.SIGKILL)
    os.kill(process.process.pid, signal.SIGKILL)
    process.wait()
    assert len(project.groups) == 1
    status = project.harness("status").text
    assert "abandoned" in status
    assert "harness down --run" in status
    assert "would delete" in project.harness("sweep", "--dry-run").text
    assert len(project.groups) == 1
    done = project.harness("down")
    assert done.code == 0, done.evidence
    assert project.groups == []
    assert "nothing exists" in project.harness("status").text


def test_down_ends_a_run_that_is_still_going(project: Project) -> None:
    process = project.start("run", "--suite", "endless")
    project.until("cluster")
    done = project.harness("down")
    assert done.code == 0, done.evidence
    assert process.wait() == 2
    assert project.groups == []


def test_status_shows_who_holds_what(project: Project) -> None:
    process = project.start("run", "--suite", "endless")
    project.until("cluster")
    limit = time.monotonic() + 60
    while "holds a lease" not in (said := project.harness("status").text):
        assert time.monotonic() < limit, said
    assert f"held by process {process.process.pid} (supervisor), process {project.pytest_pid()} (controller)" in said
    assert "gw0 (process" in said
    assert "holds a lease (shared) for suites/endless/test_endless.py::test_it" in said
    process.process.terminate()
    assert process.wait() == 2


def test_a_terminal_that_is_closed_ends_a_run_as_any_signal_does(project: Project) -> None:
    ours, theirs = pty.openpty()
    process = project.start("run", "--suite", "endless", terminal=theirs)
    os.close(theirs)
    project.until("cluster")
    os.close(ours)  # the kernel sends SIGHUP, and whatever is printed from now on fails
    assert process.wait() == 2
    assert project.groups == []
    assert list((project.folder / "reports" / "latest" / "artifacts").glob("junit_*.xml"))
    assert project.entries()[-1]["phase"] == "report"


def test_sweep_of_azure_deletes_only_when_told_to(project: Project) -> None:
    tags = {"harness-run": "r", "harness-owner": "me", "harness-expires": "2020-01-01T00:00:00Z"}
    (project.folder / "state" / "groups").mkdir(parents=True)
    group = project.folder / "state" / "groups" / "old.json"
    group.write_text(json.dumps({"location": "westeurope", "tags": tags}))
    first = project.harness("sweep", "--cloud", "azure", "--json", "report.json")
    assert first.code == 0, first.text
    assert "would delete" in first.text
    assert "harness sweep --yes" in first.text
    assert project.groups == ["old"]
    second = project.harness("sweep", "--cloud", "azure", "--json", "report.json", "--yes")
    assert second.code == 0, second.text
    assert project.groups == []
    report = json.loads((project.folder / "report.json").read_text())
    assert report["dry_run"] is False
    assert [(item["kind"], item["name"], item["action"]) for item in report["items"]] == [("group", "old", "deleted")]


def test_two_runs_side_by_side(project: Project) -> None:
    first = project.start("run", "--suite", "endless")
    project.until("cluster")
    group = project.groups
    assert project.harness("run", "--suite", "passing").code == 0
    assert project.groups == group
    first.process.terminate()
    first.wait()
    assert project.groups == []


def test_a_failed_bring_up_is_infrastructure(project: Project) -> None:
    done = project.harness("run", "--suite", "passing", "--location", "failing")
    assert done.code == 3, done.evidence
    assert "3 nodes Ready" in done.text
    assert project.groups == []


def test_what_stays_behind_is_exit_code_6(project: Project) -> None:
    done = project.harness("run", "--suite", "passing", "--location", "stubborn")
    assert done.code == 6, done.evidence
    assert project.harness("down").code == 6


def test_a_run_whose_processes_were_killed_is_resumed_on_its_cluster(project: Project) -> None:
    mark = project.folder / "mark"
    (project.folder / "suites" / "endless" / "test_endless.py").write_text(
        f"import pathlib, time\ndef test_it(cluster):\n    mark = pathlib.Path({str(mark)!r})\n"
        "    if not mark.exists():\n        mark.touch()\n        time.sleep(600)\n"
        "def test_other(cluster): pass\n"
    )
    process = project.start("run", "--suite", "endless", "--", "-k", "test_it")
    project.until("cluster")
    limit = time.monotonic() + 120
    while not mark.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    child, groups = project.pytest_pid(), project.groups
    os.kill(process.process.pid, signal.SIGSTOP)
    os.kill(child, signal.SIGKILL)
    os.kill(process.process.pid, signal.SIGKILL)
    process.wait()
    assert len(groups) == 1
    run = str(next(entry["run"] for entry in project.entries() if entry["kind"] == "run"))
    refused = project.harness("run", "--resume", run, "--suite", "passing")
    assert refused.code == 2, refused.evidence
    assert "cannot change" in refused.text
    done = project.harness("run", "--resume", run)
    assert done.code == 0, done.evidence
    assert "1 passed" in done.evidence
    assert sum(entry["kind"] == "cluster" for entry in project.entries()) == 1, "the same cluster"
    assert project.groups == []
    assert project.entries()[-1]["outcome"] == "passed"
