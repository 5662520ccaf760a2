"""Whole reports of runs that went well and of all the ways in which they do not."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, xunit2
from junitparser import TestCase as Case
from junitparser import TestSuite as Suite

from harness import reporting
from harness.errors import Outcome, UsageError
from harness.reporting.console import WIDTH, plain
from harness.reporting.record import Report

from .synthetic import CELL, RUN, Folder, many, result

HOSTILE = "\x1b[31m<![CDATA[]]>&\x00\udcff\ufffe</system-out><script>alert(1)</script>\r\n"
SECRET = "abcdef.0123456789abcdef"


def write(folder: Folder) -> Report:
    report = reporting.write(folder.path)
    page = (folder.path / "index.html").read_text()
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert SECRET not in page
    text = plain(report)
    assert max(map(len, text.splitlines()[:-2])) <= WIDTH
    assert len(text.splitlines()) <= 27
    return report


ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"name", "classname", "time", "timestamp"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "flakyFailure": {"type", "message"},
    "property": {"name", "value"},
}
"""Elements and attributes that Jenkins' junit plugin knows."""


def suites(folder: Folder) -> dict[str, Suite]:
    """File name -> suite, checked for what every file must be."""
    found = {}
    for path in sorted((folder.path / "artifacts").glob("junit_*.xml")):
        suite = next(iter(JUnitXml.fromfile(str(path))))
        assert isinstance(suite, Suite)
        names = [(case.classname, case.name) for case in suite]
        assert len(set(names)) == len(names) == suite.tests
        for element in ElementTree.parse(path).iter():
            assert set(element.attrib) <= ATTRIBUTES.get(element.tag, set()), element.tag
        found[path.name] = suite
    return found


def red(suite: Suite) -> list[Case]:
    return [case for case in suite if any(isinstance(item, Error | Failure) for item in case.result)]


def finished(folder: Folder) -> dict[str, object]:
    raw: dict[str, object] = json.loads((folder.path / "finished.json").read_text())
    return raw


def test_a_good_run(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.results(many(100))
    folder.down()
    folder.ended()
    report = write(folder)
    assert (report.outcome, report.exit_code) == (Outcome.PASSED, 0)
    files = suites(folder)
    assert sum(suite.tests for suite in files.values()) == 100 + 5  # build, up, readiness, down, leak-check
    assert not any(red(suite) for suite in files.values())
    suite = files[f"junit_{CELL}_conformance.xml"]
    assert suite.name == "v1_37_2-kubeadm-westeurope.conformance"
    assert {case.classname.rpartition(".")[0] for case in suite} == {"v1_37_2-kubeadm-westeurope.conformance"}
    assert finished(folder)["result"] == "SUCCESS"
    assert json.loads((folder.path / "started.json").read_text())["metadata"]["kubernetes"] == "v1.37.2"


def test_failures_skips_and_flakes_keep_their_texts(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.results(
        [
            result("bad", Outcome.FAILED, message="no endpoints", details="no endpoints\nat service.go:1"),
            result("silent", Outcome.FAILED),
            result("broken", Outcome.HARNESS, message="lease lost"),
            result("sctp", Outcome.SKIPPED, message="this kernel has no SCTP"),
            result("again", Outcome.FAILED, message="refused", details="connection refused"),
            result("again", Outcome.PASSED),
        ]
    )
    folder.down(collected=True)
    folder.ended("failed")
    report = write(folder)
    assert (report.outcome, report.exit_code) == (Outcome.HARNESS, 4)
    assert report.counts[Outcome.FLAKY] == 1
    path = folder.path / "artifacts" / f"junit_{CELL}_conformance.xml"
    cases = {case.name: case for case in suites(folder)[path.name]}
    assert cases["bad"].result[0].message == "no endpoints"
    assert "service.go:1" in cases["bad"].result[0].text
    assert isinstance(cases["silent"].result[0], Failure)
    assert cases["broken"].result[0].type == "harness"
    assert isinstance(cases["sctp"].result[0], Skipped)
    again = next(
        xunit2.TestCase.fromelem(case)
        for case in ElementTree.parse(path).iter("testcase")
        if case.get("name") == "again"
    )
    (flaky,) = again.flaky_failures()
    assert (flaky.type, flaky.message, flaky.stack_trace) == ("failed", "refused", "connection refused")
    assert not red(suites(folder)[path.name]) or cases["again"].is_passed


def test_hostile_text_goes_through_every_report(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    texts = {"message": HOSTILE + SECRET, "details": HOSTILE + SECRET, "stdout": HOSTILE + SECRET, "log": HOSTILE}
    folder.results(
        [
            result(f"name {HOSTILE}", Outcome.FAILED, nodeid="a", **texts),
            result(f"name {HOSTILE}", Outcome.FAILED, nodeid="b", **texts),
            result("name/x", nodeid="c"),
            result("name_x", nodeid="d"),
            result("", nodeid="e", classname="", worker=HOSTILE),
        ]
    )
    folder.phase("collect", 1, "harness", message=HOSTILE, log_tail=HOSTILE + SECRET)
    folder.down()
    folder.ended()
    write(folder)
    suite = suites(folder)[f"junit_{CELL}_conformance.xml"]
    assert len({re.sub(r"\W", "_", case.name) for case in suite}) == suite.tests == 5
    for path in (folder.path / "artifacts").iterdir():
        assert SECRET not in path.read_text()
        assert "[31m" not in path.read_text()
    assert "<script>alert" not in (folder.path / "index.html").read_text()


def test_fifty_megabytes_of_output(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.results([result("loud", Outcome.FAILED, stdout="all work and no play\n" * 2_500_000)])
    folder.ended("failed")
    began = time.process_time()
    write(folder)
    assert time.process_time() - began < 5
    assert (folder.path / "index.html").stat().st_size < 300_000
    assert (folder.path / "artifacts" / f"junit_{CELL}_conformance.xml").stat().st_size < 200_000


def test_a_cell_that_never_came_up_is_one_red_case(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.started()
    folder.phase("plan", 0.3, cell="")
    folder.phase("build", 3)
    folder.ledger("creating", CELL, resource="resourceGroup", name=f"harness-{RUN}-1")
    folder.phase("up", 300, "deploy", message="bring cluster up; last seen: node-2 NotReady", log_tail="cni")
    tests = many(462)
    folder.planned([test.nodeid for test in tests])
    why = f"{CELL} did not come up: bring cluster up; up failed (deploy)"  # as workers that waited for it say it
    folder.results([replace(test, outcome=Outcome.SKIPPED, message=why) for test in tests[:400]])
    folder.down(collected=True)
    folder.ended("deploy")
    report = write(folder)
    assert (report.outcome, report.exit_code) == (Outcome.DEPLOY, 3)
    files = suites(folder)
    assert [(case.name, case.result[0].type) for suite in files.values() for case in red(suite)] == [("up", "deploy")]
    lifecycle = files[f"junit_lifecycle_{CELL}.xml"]
    assert [case.name for case in lifecycle] == ["build", "up", "readiness", "collect", "down", "leak-check"]
    skipped = [case for name, suite in files.items() if "lifecycle" not in name for case in suite]
    assert len(skipped) == 462
    assert all("up failed (deploy)" in case.result[0].message for case in skipped)
    page = (folder.path / "index.html").read_text()
    assert page.count("400 tests not run") == page.count("62 tests not run") == 1
    assert "0 tests ran, 462 not run" in page
    assert finished(folder)["result"] == "FAILURE"


def test_a_build_that_fails_needs_no_teardown(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.started()
    folder.phase("build", 90, "build", message="go build failed", log_tail="x.go:1: undefined: y")
    folder.phase("up", 0, "skipped", message="not built: go build failed")
    folder.ended("build")
    report = write(folder)
    assert report.exit_code == 3
    cases = list(suites(folder)[f"junit_lifecycle_{CELL}.xml"])
    assert [(case.name, case.is_skipped) for case in cases] == [
        ("build", False), ("up", True), ("readiness", True), ("down", True), ("leak-check", True),
    ]  # fmt: skip
    assert "undefined: y" in cases[0].result[0].text


def test_an_aborted_run_shows_what_did_not_run(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    tests = many(20)
    folder.planned([test.nodeid for test in tests])
    folder.results(tests[:12])
    folder.phase("test", 60, "aborted", message="cut off")
    folder.down()
    folder.ended("aborted")
    report = write(folder)
    assert (report.outcome, report.exit_code) == (Outcome.ABORTED, 2)
    assert report.counts == {Outcome.PASSED: 12, Outcome.ABORTED: 8}
    assert finished(folder)["result"] == "ABORTED"
    assert "8 tests" in plain(report)


def test_a_killed_run_says_so_and_names_what_is_left(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.ledger("phase", CELL, phase="test", state="started")
    folder.results([result("one")])
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"nodeid": "torn')
    with (tmp_path / "ledger.jsonl").open("a") as file:
        file.write('{"v": 1, "at": 17')
    report = write(folder)
    assert (report.outcome, report.exit_code) == (Outcome.LEAK, 6)
    assert len(report.tests) == 1
    assert not report.warnings
    cases = {case.name: case for case in suites(folder)[f"junit_lifecycle_{CELL}.xml"]}
    assert cases["test"].result[0].type == "aborted"
    assert f"harness down --run {RUN}" in cases["leak-check"].result[0].message
    assert f"harness down --run {RUN}" in plain(report)


def test_a_kept_cluster_is_no_leak(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.results([result("one")])
    folder.ledger("kept", CELL, resource="resourceGroup", name=f"harness-{RUN}-1", until=1_795_500_000.0)
    folder.phase("down", 0, "skipped", message="kept until it expires")
    folder.ended()
    report = write(folder)
    assert (report.outcome, report.exit_code) == (Outcome.PASSED, 0)
    assert not red(suites(folder)[f"junit_lifecycle_{CELL}.xml"])


def test_where_a_cell_went_is_said_with_the_reason(tmp_path: Path) -> None:
    folder = Folder(tmp_path / RUN)
    folder.started()
    folder.ledger(
        "moved", CELL, source="westeurope", target="northeurope", group="g-2", code="SkuNotAvailable", outcome="quota"
    )
    folder.up()
    folder.results([result("a")])
    folder.down()
    folder.ended()
    write(folder)
    moved = "westeurope -> northeurope (SkuNotAvailable)"
    properties = [item for suite in suites(folder).values() for item in suite.properties() if item.name == "moved"]
    assert {item.value for item in properties} == {moved}
    assert "northeurope (SkuNotAvailable)" in (folder.path / "index.html").read_text()


def test_a_leak_is_red(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.results([result("one")])
    folder.phase("down", 900, "passed")
    command = "az group delete --yes --name h-1"
    folder.phase("leak-check", 1, "leak", message="leave nothing; last seen: resource group h-1", log_tail=command)
    folder.ended("leak")
    report = write(folder)
    assert report.exit_code == 6
    [case] = red(suites(folder)[f"junit_lifecycle_{CELL}.xml"])
    assert case.name == "leak-check"
    text = (folder.path / "artifacts" / f"junit_lifecycle_{CELL}.xml").read_text()
    assert "last seen: resource group h-1" in text
    assert command in text, "how to remove it"


def test_a_lost_test_is_not_taken_for_one_that_passed(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.planned([{"nodeid": "suites/volumes/test_disk.py::test_a", "cell": CELL, "suite": "volumes", "name": "a"}])
    folder.results([result("one")])
    folder.phase("test", 60)
    folder.down()
    folder.ended()
    report = write(folder)
    assert report.exit_code == 4
    (case,) = suites(folder)[f"junit_{CELL}_volumes.xml"]
    assert "no result was recorded" in case.result[0].message


def test_nothing_ran(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.down()
    folder.ended()
    assert write(folder).exit_code == 5


def test_unreadable_lines_are_counted(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    (tmp_path / "results.jsonl").write_text("not json\n")
    folder.results([result("one")])
    folder.down()
    folder.ended()
    assert write(folder).warnings == ("1 line of results.jsonl could not be read",)


def test_files_of_an_earlier_report_go(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.ended()
    stale = tmp_path / "artifacts" / "junit_gone_conformance.xml"
    stale.parent.mkdir()
    stale.write_text("")
    write(folder)
    assert not stale.exists()


def test_matrix_is_drawn(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    matrix = {"rows": ["w-1"], "columns": ["w-2", "DNS", "w-3"], "cells": [["ok 0.4 ms", "FAIL timeout", ""]]}
    folder.results(
        [result("paths", properties={"matrix": json.dumps(matrix)}), result("bad", properties={"matrix": "[1]"})]
    )
    write(folder)
    page = (tmp_path / "index.html").read_text()
    assert '<td class="pass">0.4 ms</td><td class="fail">FAIL timeout</td><td class="pass">ok</td>' in page


def test_no_run_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        reporting.write(tmp_path)


def test_stopping_early_on_purpose_is_no_defect(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.planned(["suites/volumes/test_disk.py::test_a"])
    folder.results([result("one", Outcome.FAILED, message="no")])
    folder.phase("test", 60, "failed", message="tests of this run failed")
    folder.down()
    folder.ended("failed")
    assert write(folder).exit_code == 1


def test_a_crash_without_a_start_is_still_a_failure(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.results([result("crashed", Outcome.HARNESS, started=0.0, seconds=0.0, message="worker 'gw1' crashed")])
    folder.down()
    folder.ended("harness")
    report = write(folder)
    assert report.exit_code == 4
    assert report.seconds < 100
    assert "crashed" in (tmp_path / "index.html").read_text().partition('id="suites"')[0]
