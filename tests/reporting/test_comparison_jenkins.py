"""Builds of Jenkins as sides of a comparison, and their past."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from publishing.contract import export
from publishing.contract.beans import suite_bean

from harness import reporting
from harness.errors import Outcome, UsageError
from harness.reporting.comparison.api import Side
from harness.reporting.comparison.commits import ranges
from harness.reporting.comparison.sides import compared
from harness.reporting.jenkins.builds import side
from harness.reporting.jenkins.view import test_report as as_jenkins_says
from harness.reporting.jenkins.view import view

from .days import ABORTED, CLOUD, DAY, FAILED, HARNESS, PASSED, Reports, harness, names
from .synthetic import START


def names_of(side: Side) -> list[str]:
    return [case.name for case in side.cases]


class Jenkins:
    """One job of a server, in Jenkins' own words: its builds have results, and some have tests."""

    def __init__(self) -> None:
        self.builds: dict[int, tuple[str | None, Any]] = {}
        self.seen: list[tuple[str, str, str]] = []
        self.address = ""

    def build(self, result: str | None, report: Any = None) -> int:
        """A further build, a day after the one before."""
        self.builds[number := len(self.builds) + 1] = (result, report)
        return number

    def answer(self, path: str, tree: str) -> Any:
        """The bean at this path, pruned; None if there is none."""
        part = path.removeprefix("/job/nightly/").removesuffix("api/json").strip("/")
        which, _, what = part.partition("/")
        stable = [number for number, (result, _) in self.builds.items() if result == "SUCCESS"]
        number = max(stable, default=0) if which == "lastStableBuild" else int(which or 0)
        if not which:
            listed = [self._build(number) for number in sorted(self.builds, reverse=True)]
            return export.render({"allBuilds": export.Hidden(listed)}, tree)
        report = self.builds.get(number, ("", None))[1]
        if number not in self.builds or (what and report is None):
            return None
        bean = {"suites": [suite_bean(suite) for suite in report["suites"]]} if what else self._build(number)
        return export.render(bean, tree)

    def _build(self, number: int) -> dict[str, Any]:
        result = self.builds[number][0]
        at = int((START + DAY * number) * 1000)
        return {"number": number, "result": result, "building": result is None, "timestamp": at}


@pytest.fixture
def jenkins() -> Iterator[Jenkins]:
    """A server that answers as Jenkins does for one job."""
    job = Jenkins()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path.startswith("/crumbIssuer/"):  # this server asks for none
                found = None
            else:
                job.seen.append((path, query, self.headers.get("Authorization", "")))
                found = job.answer(path, parse_qs(query)["tree"][0])
            body = json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    job.address = f"http://127.0.0.1:{server.server_port}/job/nightly"
    yield job
    server.shutdown()
    thread.join()
    server.server_close()


def jenkins_build(reports: Reports, run: str) -> dict[str, Any]:
    """What Jenkins says once it has the JUnit of this run."""
    reporting.write(reports.path / run)
    return as_jenkins_says(view(sorted((reports.path / run / "artifacts").glob("junit_*.xml"))))


def elsewhere(tmp_path: Path, outcomes: dict[str, Any], **given: Any) -> dict[str, Any]:
    """A test report of a run that is in no reports folder any more."""
    place = Reports(tmp_path / f"agent-{len(list(tmp_path.glob('agent-*')))}")
    return jenkins_build(place, place.run(outcomes, **given))


@pytest.mark.parametrize("address", ["", "/last-green", "/lastStableBuild/"])
def test_a_run_against_the_last_stable_build_of_a_job(reports: Reports, jenkins: Jenkins, address: str) -> None:
    base = reports.run({"[sig-apps] a": PASSED, "[sig-apps] b": FAILED, "[sig-apps] c": PASSED})
    jenkins.build("SUCCESS", jenkins_build(reports, base))
    jenkins.build("UNSTABLE", jenkins_build(reports, base))
    run = reports.run({"[sig-apps] a": FAILED, "[sig-apps] b": FAILED, "[sig-apps] d": PASSED})
    found = compared(reports.path, run, jenkins.address + address, {"JENKINS_USER_ID": "m", "JENKINS_API_TOKEN": "t"})
    assert found.base.label == "nightly/1"
    assert names(found.new) == ["[sig-apps] a"]
    assert names(found.still) == ["[sig-apps] b"]
    assert names(found.vanished) == ["[sig-apps] c"]
    assert {authorization for _, _, authorization in jenkins.seen} == {"Basic bTp0"}
    assert all(query.startswith("tree=") and "depth" not in query for _, query, _ in jenkins.seen)


def test_two_builds_of_jenkins_keep_its_ages(reports: Reports, jenkins: Jenkins, tmp_path: Path) -> None:
    raw = jenkins_build(reports, reports.run({"[sig-apps] a": FAILED, "[sig-apps] b": PASSED}))
    saved = tmp_path / "build.json"
    saved.write_text(json.dumps(raw))
    later = json.loads(json.dumps(raw))
    for suite in later["suites"]:
        for case in suite["cases"]:
            case |= {"status": "REGRESSION" if case["name"].endswith("b") else case["status"], "age": 1}
            if case["name"].endswith("a"):
                case |= {"age": 7}
    jenkins.build("UNSTABLE", later)
    found = compared(reports.path, f"{jenkins.address}/1/", str(saved), {})
    assert [(item.case.name, item.age) for item in found.still] == [("[sig-apps] a", 7)]
    assert names(found.new) == ["[sig-apps] b"]
    with pytest.raises(UsageError, match="HTTP 404"):
        compared(reports.path, f"{jenkins.address}/43/", str(saved), {})
    with pytest.raises(UsageError, match="saved test report, so its base must be named"):
        compared(reports.path, str(saved), "last-green", {})


def test_a_build_against_the_last_stable_one_before_it(reports: Reports, jenkins: Jenkins, tmp_path: Path) -> None:
    """Neither a later one, nor one without tests, nor one that is still building."""
    red, green = elsewhere(tmp_path, {"a": FAILED}), elsewhere(tmp_path, {"a": PASSED})
    first = jenkins.build("SUCCESS", green)
    for result, report in (("UNSTABLE", red), ("SUCCESS", None), ("ABORTED", green), (None, green)):
        jenkins.build(result, report)
    run = jenkins.build("UNSTABLE", red)
    jenkins.build("SUCCESS", green)
    for base in ("last-green", ""):
        found = compared(reports.path, f"{jenkins.address}/{run}", base, {})
        assert (found.base.label, found.why) == (f"nightly/{first}", "the last stable build")
        assert names(found.new) == ["a"]
    assert harness(f"{jenkins.address}/{run}/", "last-green", "--fail-on", "new", "--reports", str(reports.path)) == 1


def test_a_build_without_a_stable_one_before_it(reports: Reports, jenkins: Jenkins, tmp_path: Path) -> None:
    first = jenkins.build("UNSTABLE", elsewhere(tmp_path, {"a": FAILED}))
    second = jenkins.build("UNSTABLE", elsewhere(tmp_path, {"a": FAILED}))
    found = compared(reports.path, f"{jenkins.address}/{second}", "", {})
    assert (found.base.label, found.why) == (f"nightly/{first}", "the build before; none before it was stable")
    with pytest.raises(UsageError, match=f"no stable build with test results before nightly/{second}"):
        compared(reports.path, f"{jenkins.address}/{second}", "last-green", {})
    with pytest.raises(UsageError, match=f"no build with test results before nightly/{first}"):
        compared(reports.path, f"{jenkins.address}/{first}", "", {})


def test_a_stable_build_older_than_the_past_that_is_read(reports: Reports, jenkins: Jenkins, tmp_path: Path) -> None:
    red, green = elsewhere(tmp_path, {"a": FAILED}), elsewhere(tmp_path, {"a": PASSED})
    for number in range(40):
        jenkins.build("UNSTABLE" if number else "SUCCESS", red if number else green)
    assert compared(reports.path, f"{jenkins.address}/40", "last-green", {}).base.label == "nightly/1"
    assert len([path for path, _, _ in jenkins.seen if "testReport" in path]) == 22


def test_the_past_of_a_build_is_that_of_its_job(reports: Reports, jenkins: Jenkins, tmp_path: Path) -> None:
    """Known flakes, usual times, and what an outage cut off in the base."""
    seconds = (10.0, 10.4, 9.8, 10.1, 10.2, 9.9)
    for number, (outcome, calm) in enumerate(zip((PASSED, FAILED) * 3, seconds, strict=True)):
        tests = {"restless": outcome, "steady": (PASSED, calm), "red": FAILED, "green": PASSED}
        jenkins.build("SUCCESS" if number == 0 else "UNSTABLE", elsewhere(tmp_path, tests))
    base = jenkins.build(
        "UNSTABLE",
        elsewhere(tmp_path, {"restless": PASSED, "steady": (PASSED, 10.0), "red": CLOUD, "green": HARNESS}),
    )
    now = {"restless": FAILED, "steady": (PASSED, 14.0), "red": FAILED, "green": FAILED}
    run = jenkins.build("UNSTABLE", elsewhere(tmp_path, now))
    found = compared(reports.path, f"{jenkins.address}/{run}", f"{jenkins.address}/{base}", {})
    assert (names(found.known), names(found.slower)) == (["restless"], ["steady"])
    assert (names(found.still), names(found.new)) == (["red"], ["green"])
    local = compared(reports.path, reports.run(now), f"{jenkins.address}/{base}", {})
    assert (names(local.known), names(local.slower)) == (["restless"], ["steady"])
    assert [(item.case.name, item.age, item.since) for item in local.still] == [("red", 7, "nightly/1")]


def test_versions_of_builds_are_those_of_their_suites(reports: Reports, jenkins: Jenkins, tmp_path: Path) -> None:
    """A track such as ci-latest does not tell them; Jenkins has them if it keeps properties."""
    before, now = elsewhere(tmp_path, {"a": PASSED}), elsewhere(tmp_path, {"a": FAILED})
    for raw, version in ((before, "v1.38.0-alpha.1.42+0123456789abcd"), (now, "v1.38.0-alpha.1.50+fedcba9876543")):
        for suite in raw["suites"]:
            suite["name"] = suite["name"].replace("v1_37_2", "ci-latest")
            suite["properties"] |= {"version": version, "source": "ci:latest"}
    jenkins.build("SUCCESS", before)
    jenkins.build("UNSTABLE", now)
    found = compared(reports.path, f"{jenkins.address}/2", "last-green", {})
    (commits,) = ranges(found.run, found.base, found.pairs, None)
    assert commits.address.endswith("/0123456789abcd...fedcba9876543")
    assert found.run.tracks[0].source == "ci:latest"


def test_suites_tell_jenkins_of_their_cell(reports: Reports) -> None:
    """By the JUnit that is really written, as the plugin reads it."""
    run = reports.run({"a": PASSED, "b": CLOUD, "c": FAILED})
    found = side(jenkins_build(reports, run), "", "")
    assert {case.name: case.outcome for case in found.cases} == {"a": PASSED, "b": CLOUD, "c": FAILED}
    (track,) = found.tracks
    assert (track.version, track.source, track.deployer) == ("v1.37.2", "module:v1.37.2", "kubeadm")


@pytest.mark.parametrize(
    ("result", "expected"),
    [("", PASSED), ("SUCCESS", PASSED), ("UNSTABLE", PASSED), ("FAILURE", CLOUD), ("ABORTED", ABORTED)],
)
def test_a_build_can_be_worse_than_its_tests(result: str, expected: Outcome) -> None:
    raw = {"suites": [{"name": "v1.conformance", "cases": [{"name": "a", "status": "PASSED"}]}]}
    assert side(raw, "", "", result=result).outcome is expected


@pytest.mark.parametrize(
    ("case", "expected"), [("up", CLOUD), ("down", CLOUD), ("proof", FAILED), ("leftovers", FAILED)]
)
def test_a_red_cell_is_infrastructure_and_a_missing_proof_is_the_product(case: str, expected: Outcome) -> None:
    suites = {"v1.conformance": {"a": "PASSED"}, "v1.lifecycle": {"build": "PASSED", case: "FAILED"}}
    cases = {
        suite: [{"name": name, "status": status} for name, status in found.items()] for suite, found in suites.items()
    }
    raw = {"suites": [{"name": suite, "cases": found} for suite, found in cases.items()]}
    found = side(raw, "nightly/1", "")
    assert (found.outcome, names_of(found)) == (expected, ["a"])
