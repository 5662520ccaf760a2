"""Failed tests run again, and runs that were cut off go on."""

from __future__ import annotations

import os
import signal
import time

import pytest
from junitparser import JUnitXml

from .project import Project
from .test_trouble import wait_for

WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "3")], ids=["alone", "n3"])


@WORKERS
def test_a_pass_after_a_failure_is_flaky_and_counts_once(project: Project, workers: tuple[str, ...]) -> None:
    project.specs("[sig-apps] Job passes", "[sig-apps] Job fails once", "[sig-node] Pods fails once [Serial]")
    project.write("suites/alpha/specs.yaml", "name: alpha\n")
    done = project.run("suites", "--reruns", "1", *workers)
    assert done.code == 0, done.out
    assert [it["outcome"] for it in done.results].count("failed") == 2
    assert {it["name"] for it in done.results[-2:]} == {"[sig-apps] Job fails once", "[sig-node] Pods fails once"}
    assert {it["outcome"] for it in done.results[-2:]} == {"passed"}
    run = project.folder / "reports" / "latest"
    (xml,) = (run / "artifacts").glob("junit_v*_alpha.xml")
    text = xml.read_text()
    assert text.count("<testcase") == 3
    assert text.count("<flakyFailure") == 2
    assert text.count("output of [sig-apps] Job fails once") == 2, "both attempts' output"
    assert JUnitXml.fromfile(str(xml)).failures == 0
    page = (run / "index.html").read_text()
    assert "Passed when repeated" in page
    assert "2 rerun" in done.out


@WORKERS
def test_what_never_passes_stays_failed_with_every_attempt(project: Project, workers: tuple[str, ...]) -> None:
    project.specs("[sig-apps] Job fails", "[sig-apps] Job passes")
    project.write("suites/alpha/specs.yaml", "name: alpha\n")
    done = project.run("suites", "--reruns", "2", *workers)
    assert done.code == 1, done.out
    assert len(done.results) == 4
    (xml,) = (project.folder / "reports" / "latest" / "artifacts").glob("junit_v*_alpha.xml")
    assert xml.read_text().count("<rerunFailure") == 2
    assert JUnitXml.fromfile(str(xml)).failures == 1


def test_a_lost_process_is_repeated_only_when_asked_and_is_no_flake(project: Project) -> None:
    project.write(
        "suites/beta/test_a.py",
        "import os, pathlib\n"
        "def test_dies_once(cluster):\n"
        "    mark = pathlib.Path(__file__).with_name('mark')\n"
        "    if not mark.exists():\n"
        "        mark.touch()\n"
        "        os.kill(os.getpid(), 9)\n"
        "def test_fails(cluster): assert False\n",
    )
    done = project.run("suites", "-n", "2", "--infra-reruns", "1")
    assert done.code == 1, done.out
    assert [it["outcome"] for it in done.results if it["name"] == "test_dies_once"] == ["harness", "passed"]
    assert [it["outcome"] for it in done.results if it["name"] == "test_fails"] == ["failed"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@WORKERS
def test_a_run_that_was_cut_off_goes_on(project: Project, number: int, workers: tuple[str, ...]) -> None:
    project.specs(
        "[sig-apps] Job passes", "[sig-apps] Job fails", "[sig-apps] Job sleeps 3", "[sig-node] X passes [Serial]"
    )
    project.write("suites/alpha/specs.yaml", "name: alpha\n")
    process = project.start("suites", *workers)
    results = project.folder / "reports" / "latest" / "results.jsonl"
    wait_for(results)
    wait_for(project.folder / "cache" / "ran.log")
    time.sleep(0.5)
    os.kill(process.pid, number)
    project.finish(process)
    time.sleep(1.0)  # workers of a killed controller end by themselves
    run = results.parent.resolve().name
    with results.open("a") as file:
        file.write('{"nodeid": "torn')
    done = project.run("suites", "--resume", run, *workers)
    assert done.code == 1, done.out
    assert done.outcomes == {
        "[sig-apps] Job passes": "passed",
        "[sig-apps] Job fails": "failed",
        "[sig-apps] Job sleeps 3": "passed",
        "[sig-node] X passes": "passed",
    }
    ran = project.ran
    assert ran.count("[sig-apps] Job fails") + ran.count("[sig-apps] Job passes") <= 3, "finished ones run once"
    assert project.groups == []
    (xml,) = results.parent.glob("artifacts/junit_v*_alpha.xml")
    parsed = JUnitXml.fromfile(str(xml))
    assert (parsed.tests, parsed.failures, parsed.errors, parsed.skipped) == (4, 1, 0, 0)


def test_nothing_is_left_to_resume(project: Project) -> None:
    project.specs("[sig-apps] Job passes")
    project.write("suites/alpha/specs.yaml", "name: alpha\n")
    first = project.run("suites", "-n", "1")
    assert first.code == 0, first.out
    run = (project.folder / "reports" / "latest").resolve().name
    again = project.run("suites", "-n", "1", "--resume", run)
    assert again.code == 0, again.out
    assert len(project.ran) == 1
