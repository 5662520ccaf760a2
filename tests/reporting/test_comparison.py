"""Two runs side by side: from folders, from Jenkins, with a past that tells noise and flakes from news."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness import reporting
from harness.cli.main import invoke
from harness.errors import Outcome, UsageError
from harness.reporting.api import TestResult
from harness.reporting.comparison.api import Side
from harness.reporting.comparison.commits import address, revision
from harness.reporting.comparison.noise import bounds
from harness.reporting.comparison.past import restless
from harness.reporting.comparison.sides import compared
from harness.reporting.history.index import FILE, history
from harness.reporting.history.page import render, rows
from harness.reporting.jenkins.builds import side
from harness.reporting.jenkins.view import test_report as as_jenkins_says
from harness.reporting.jenkins.view import view
from harness.reporting.results import dump
from harness.runs.api import Cell, Plan
from harness.settings import Settings

from .synthetic import START

DAY = 86_400.0
PASSED, FAILED, FLAKY, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY, Outcome.SKIPPED
CLOUD, HARNESS, ABORTED = Outcome.CLOUD, Outcome.HARNESS, Outcome.ABORTED


class Reports:
    """A reports folder; each run is a day later than the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.days = 0

    def run(
        self,
        outcomes: dict[str, Any],
        versions: Sequence[str] = ("v1.37.2",),
        ended: str = "",
        suite: str = "conformance",
        running: bool = False,
    ) -> str:
        """A run; ``outcomes``: name -> outcome, or (outcome, seconds), in every cell."""
        self.days += 1
        began = START + DAY * self.days
        name = f"202611{self.days:02d}-000000-{self.days:04x}"
        folder = self.path / name
        folder.mkdir(parents=True)
        cells = tuple(
            Cell(f"{version}-kubeadm-westeurope", f"module:{version}", "kubeadm", "westeurope") for version in versions
        )
        plan = Plan(name, "local", cells, (suite,), "maria", began + DAY)
        (folder / "plan.json").write_text(json.dumps({"settings": Settings().to_json(), "plan": asdict(plan)}))
        results = [
            self._result(test, given, cell.name, began, suite) for cell in cells for test, given in outcomes.items()
        ]
        (folder / "results.jsonl").write_text("".join(dump(result) + "\n" for result in results))
        worst = "failed" if any(result.outcome is FAILED for result in results) else "passed"
        line = {"v": 1, "at": began, "kind": "run", "cell": "", "run": name, "pid": 2**22, "pid_started": "gone:1"}
        lines = [line | {"state": "started"}]
        lines += [] if running else [line | {"at": began + 60, "state": "ended", "outcome": ended or worst}]
        (folder / "ledger.jsonl").write_text("".join(json.dumps(item) + "\n" for item in lines))
        latest = self.path / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(name)
        return name

    def _result(self, name: str, given: Any, cell: str, began: float, suite: str) -> TestResult:
        outcome, seconds = given if isinstance(given, tuple) else (given, 1.0)
        return TestResult(
            nodeid=f"suites/{suite}/specs.yaml::{name}", suite=suite, cell=cell, name=name, classname=f"{suite}.sig-apps.job",
            outcome=outcome, seconds=seconds, started=began + 5, message="no endpoints" if outcome is FAILED else "",
        )  # fmt: skip


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports")


def names(differences: Sequence[Any]) -> list[str]:
    return [difference.case.name for difference in differences]


def names_of(side: Side) -> list[str]:
    return [case.name for case in side.cases]


def test_every_kind_of_difference(reports: Reports) -> None:
    base = reports.run(
        {"a": PASSED, "b": FAILED, "c": FAILED, "d": PASSED, "e": PASSED, "f": PASSED, "g": SKIPPED, "h": SKIPPED}
    )
    run = reports.run(
        {
            "a": FAILED,
            "b": FAILED,
            "c": PASSED,
            "d": FLAKY,
            "e": SKIPPED,
            "g": FAILED,
            "h": SKIPPED,
            "i": FAILED,
            "j": PASSED,
        }
    )
    found = compared(reports.path, run, base, {})
    assert names(found.new) == ["a", "g", "i"]
    assert names(found.still) == ["b"]
    assert names(found.fixed) == ["c"]
    assert names(found.flaky) == ["d"]
    assert names(found.unrun) == ["e"]
    assert names(found.vanished) == ["f"]
    assert found.added == 2
    assert found.executed == {"conformance": (6, 7)}
    assert (found.known, found.slower) == ((), ())


def test_age_counts_runs_in_a_row_and_passes_over_those_without_the_test(reports: Reports) -> None:
    reports.run({"a": FAILED, "b": PASSED})
    reports.run({"a": PASSED, "b": PASSED})
    first = reports.run({"a": FAILED, "b": PASSED})
    reports.run({"b": PASSED})
    reports.run({"a": FAILED, "b": PASSED})
    found = compared(reports.path, reports.run({"a": FAILED, "b": FAILED}), reports.run({"x": PASSED}), {})
    assert {item.case.name: (item.age, item.since) for item in found.new} == {"a": (3, first), "b": (1, "")}


def test_last_green_skips_red_running_and_foreign_runs(reports: Reports) -> None:
    green = reports.run({"a": PASSED})
    reports.run({"a": FAILED})
    reports.run({"a": PASSED}, ended="deploy")
    reports.run({"a": PASSED}, suite="volumes")
    run = reports.run({"a": FAILED})
    reports.run({"a": PASSED})
    assert compared(reports.path, run, "last-green", {}).base.label == green
    assert compared(reports.path, run, "", {}).why == "the last green run"


def test_without_a_green_run_the_one_before_is_taken_unless_green_was_asked_for(reports: Reports) -> None:
    red = reports.run({"a": FAILED})
    run = reports.run({"a": FAILED})
    assert compared(reports.path, run, "", {}).base.label == red
    with pytest.raises(UsageError, match="no green run"):
        compared(reports.path, run, "last-green", {})
    with pytest.raises(UsageError, match="name the base"):
        compared(reports.path, red, "", {})


def test_cells_of_other_versions_are_matched_where_that_is_unambiguous(reports: Reports) -> None:
    old = reports.run({"a": PASSED}, versions=("v1.37.1",))
    new = reports.run({"a": FAILED}, versions=("v1.37.2",))
    two = reports.run({"a": FAILED}, versions=("v1.37.3", "v1.37.4"))
    assert names(compared(reports.path, new, old, {}).new) == ["a"]
    assert compared(reports.path, two, old, {}).pairs == (("", ""),)
    both = compared(reports.path, two, reports.run({"a": PASSED}, versions=("v1.37.3", "v1.37.9")), {})
    assert len(both.pairs) == 3


def test_a_test_known_to_be_flaky_is_kept_apart(reports: Reports) -> None:
    for outcome in (PASSED, FAILED, PASSED, FAILED, PASSED):
        reports.run({"restless": outcome, "steady": PASSED})
    found = compared(reports.path, reports.run({"restless": FAILED, "steady": FAILED}), "", {})
    assert (names(found.known), names(found.new)) == (["restless"], ["steady"])


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ([], False),
        ([FAILED, FAILED, FAILED], False),
        ([PASSED, FAILED, FAILED, PASSED], False),
        ([PASSED, FAILED, PASSED, FAILED], True),
        ([FLAKY, PASSED, FLAKY], True),
        ([FLAKY, PASSED, FAILED], True),
        ([PASSED, CLOUD, PASSED, ABORTED, PASSED, HARNESS, PASSED], False),
        ([PASSED, CLOUD, FAILED, PASSED, ABORTED, FAILED], True),
    ],
)
def test_restless(past: list[Outcome], expected: bool) -> None:
    assert restless(past) is expected


def test_outages_of_the_past_make_no_regression_a_known_flake(reports: Reports) -> None:
    for outcome in (PASSED, CLOUD, PASSED, ABORTED, PASSED):
        reports.run({"a": outcome})
    found = compared(reports.path, reports.run({"a": FAILED}), "", {})
    assert (names(found.new), names(found.known)) == (["a"], [])


def test_what_an_outage_cut_off_in_the_base_is_looked_for_further_back(
    reports: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--reports", str(reports.path))
    reports.run({"green": PASSED, "red": FAILED, "mended": FAILED, "missing": FAILED, "fine": PASSED})
    base = reports.run(
        {"green": CLOUD, "red": HARNESS, "mended": CLOUD, "missing": SKIPPED, "fine": CLOUD, "first": CLOUD}
    )
    run = reports.run(
        {"green": FAILED, "red": FAILED, "mended": PASSED, "missing": FAILED, "fine": PASSED, "first": FAILED}
    )
    found = compared(reports.path, run, base, {})
    assert names(found.new) == ["first", "green"]
    assert {item.case.name: item.age for item in found.still} == {"missing": 2, "red": 2}
    assert names(found.fixed) == ["mended"]
    assert harness(run, base, "--fail-on", "new", *place) == 1
    assert "cloud in the base, failed before that" in capsys.readouterr().out


def test_ages_pass_over_outages(reports: Reports) -> None:
    first = reports.run({"a": FAILED})
    base = reports.run({"a": FAILED})
    reports.run({"a": CLOUD})
    (found,) = compared(reports.path, reports.run({"a": FAILED}), base, {}).still
    assert (found.age, found.since) == (3, first)


def test_slower_is_beyond_the_noise_of_the_past(reports: Reports) -> None:
    noisy, steady = (10, 40, 14, 25, 60, 12, 33), (10.0, 10.4, 9.8, 10.1, 10.2, 9.9, 10.3)
    for loud, calm in zip(noisy, steady, strict=True):
        reports.run({"noisy": (PASSED, loud), "steady": (PASSED, calm), "quick": (PASSED, 0.1)})
    found = compared(
        reports.path, reports.run({"noisy": (PASSED, 80), "steady": (PASSED, 14), "quick": (PASSED, 0.9)}), "", {}
    )
    (slower,) = found.slower
    assert slower.case.name == "steady"
    assert slower.usual[0] == pytest.approx(10.1, abs=0.05)
    assert slower.usual[2] < 13


def test_too_few_results_tell_no_usual_time() -> None:
    assert bounds([1.0] * 4) is None
    assert bounds([0.0] * 5) is not None


def test_the_index_follows_changed_and_removed_runs_and_a_run_in_progress(reports: Reports) -> None:
    first = reports.run({"a": PASSED})
    second = reports.run({"a": PASSED})
    with history(reports.path) as past:
        assert [run.run for run in past.runs] == [first, second]
    results = reports.path / second / "results.jsonl"
    results.write_text(results.read_text().replace('"passed"', '"failed"'))
    for path in (reports.path / first).iterdir():
        path.unlink()
    with history(reports.path) as past:
        assert [(run.run, run.failed) for run in past.runs] == [(second, 1)]


@pytest.mark.parametrize("damage", ["text", "zeros", "schema", "other"])
def test_a_damaged_index_is_made_anew(reports: Reports, damage: str) -> None:
    run = reports.run({"a": PASSED})
    with history(reports.path):
        pass
    path = reports.path / FILE
    if damage == "text":
        path.write_text("this is no database, and long enough to be taken for one" * 100)
    elif damage == "zeros":
        content = path.read_bytes()
        path.write_bytes(content[:4096] + bytes(len(content) - 4096))
    else:
        with sqlite3.connect(path) as database:
            database.execute("drop table results" if damage == "schema" else "pragma user_version = 99")
    with history(reports.path) as past:
        assert [case.name for case in past.cases(run)] == ["a"]


def test_a_folder_that_cannot_be_written_still_has_a_history(reports: Reports) -> None:
    run = reports.run({"a": PASSED})
    (reports.path / FILE).mkdir()  # whatever root may do, it cannot write a file here
    with history(reports.path) as past:
        assert past.find(run) is not None


@pytest.fixture
def jenkins(reports: Reports) -> Iterator[tuple[str, dict[str, Any]]]:
    """A server that answers as Jenkins does for one job."""
    answers: dict[str, Any] = {}
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            seen.append((query, self.headers.get("Authorization", "")))
            body = json.dumps(answers.get(path, {})).encode()
            self.send_response(200 if path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    answers["seen"] = seen
    yield f"http://127.0.0.1:{server.server_port}/job/nightly", answers
    server.shutdown()
    thread.join()
    server.server_close()


def jenkins_build(reports: Reports, run: str) -> dict[str, Any]:
    """What Jenkins says once it has the JUnit of this run."""
    reporting.write(reports.path / run)
    return as_jenkins_says(view(sorted((reports.path / run / "artifacts").glob("junit_*.xml"))))


def test_a_run_against_the_last_stable_build_of_a_job(reports: Reports, jenkins: tuple[str, dict[str, Any]]) -> None:
    address, answers = jenkins
    base = reports.run({"[sig-apps] a": PASSED, "[sig-apps] b": FAILED, "[sig-apps] c": PASSED})
    answers["/job/nightly/lastStableBuild/testReport/api/json"] = jenkins_build(reports, base)
    run = reports.run({"[sig-apps] a": FAILED, "[sig-apps] b": FAILED, "[sig-apps] d": PASSED})
    found = compared(reports.path, run, address, {"JENKINS_USER_ID": "m", "JENKINS_API_TOKEN": "t"})
    assert names(found.new) == ["[sig-apps] a"]
    assert names(found.still) == ["[sig-apps] b"]
    assert names(found.vanished) == ["[sig-apps] c"]
    query, authorization = answers["seen"][-1]
    assert query.startswith("tree=")
    assert "depth" not in query
    assert authorization == "Basic bTp0"


def test_two_builds_of_jenkins_keep_its_ages(
    reports: Reports, jenkins: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    address, answers = jenkins
    raw = jenkins_build(reports, reports.run({"[sig-apps] a": FAILED, "[sig-apps] b": PASSED}))
    saved = tmp_path / "build.json"
    saved.write_text(json.dumps(raw))
    later = json.loads(json.dumps(raw))
    for suite in later["suites"]:
        for case in suite["cases"]:
            case |= {"status": "REGRESSION" if case["name"].endswith("b") else case["status"], "age": 1}
            if case["name"].endswith("a"):
                case |= {"age": 7}
    answers["/job/nightly/42/testReport/api/json"] = later
    found = compared(reports.path, f"{address}/42/", str(saved), {})
    assert [(item.case.name, item.age) for item in found.still] == [("[sig-apps] a", 7)]
    assert names(found.new) == ["[sig-apps] b"]
    with pytest.raises(UsageError, match="HTTP 404"):
        compared(reports.path, f"{address}/43/", str(saved), {})


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


def test_versions_have_an_address() -> None:
    assert revision("v1.37.2") == "v1.37.2"
    assert revision("v1.38.0-alpha.1.42+0123456789abcd") == "0123456789abcd"
    assert revision("v1.38.0-alpha.1-42-g0123456789ab-dirty") == "0123456789ab"
    assert revision("v1.38.0-alpha.1.42") == ""
    assert address("v1.37.1", "v1.37.2") == "https://github.com/kubernetes/kubernetes/compare/v1.37.1...v1.37.2"
    assert address("nowhere", "v1.37.2") == ""


def harness(*arguments: str) -> int:
    return invoke(["compare", *arguments])


def test_gates(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--reports", str(reports.path))
    base = reports.run({"a": PASSED, "b": FAILED})
    worse = reports.run({"a": FAILED, "b": FAILED})
    same = reports.run({"a": PASSED, "b": FAILED})
    cut = reports.run({"a": PASSED}, ended="deploy")
    assert harness(worse, base, *place) == 0
    assert harness(worse, base, "--fail-on", "new", *place) == 1
    assert harness(same, base, "--fail-on", "new", *place) == 0
    assert harness(same, base, "--fail-on", "any", *place) == 1
    assert harness(cut, base, "--fail-on", "new", *place) == 3
    assert "says nothing about the product" in capsys.readouterr().out
    assert harness("nowhere", base, *place) == 2


def test_an_alarm_when_fewer_tests_are_executed(
    reports: Reports, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--reports", str(reports.path))
    many = {f"t{number}": PASSED for number in range(100)}
    base = reports.run(many)
    expected = tmp_path / "expected.yaml"
    assert harness(reports.run(many), base, "--write-expected", str(expected), *place) == 0
    assert "v1_37_2-kubeadm-westeurope.conformance: 100" in expected.read_text()
    within = reports.run({name: PASSED if index > 1 else SKIPPED for index, name in enumerate(many)})
    assert harness(within, base, "--expected", str(expected), *place) == 0
    below = reports.run({name: PASSED if index > 2 else SKIPPED for index, name in enumerate(many)})
    assert harness(below, base, "--expected", str(expected), *place) == 1
    assert "TOO FEW TESTS  v1_37_2-kubeadm-westeurope.conformance: 97 executed, 100 expected" in capsys.readouterr().out
    gone = reports.run({"x": PASSED}, suite="volumes")
    assert harness(gone, base, "--expected", str(expected), *place) == 1
    assert harness(gone, base, "--expected", str(expected), "--partial", *place) == 0
    later = reports.run(many, versions=("v1.37.3",))
    assert harness(later, base, "--expected", str(expected), *place) == 0
    expected.write_text("executed: {conformance: many}")
    assert harness(within, base, "--expected", str(expected), *place) == 2
    assert "conformance: 'many' is not allowed" in capsys.readouterr().err


def test_an_alarm_when_a_cell_is_lost(reports: Reports, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of three, for example: what the third executes is all that is expected of it."""
    place = ("--reports", str(reports.path))
    expected = tmp_path / "expected.yaml"
    all_cells = reports.run({"a": PASSED, "b": PASSED}, versions=("v1.35.8", "v1.36.3", "v1.37.2"))
    assert harness(all_cells, all_cells, "--write-expected", str(expected), *place) == 0
    assert harness(all_cells, all_cells, "--expected", str(expected), *place) == 0
    one = reports.run({"a": PASSED, "b": PASSED}, versions=("v1.36.3",))
    capsys.readouterr()
    assert harness(one, all_cells, "--expected", str(expected), *place) == 1
    out = capsys.readouterr().out
    assert "TOO FEW TESTS  v1_35_8-kubeadm-westeurope.conformance: 0 executed, 2 expected" in out
    assert "TOO FEW TESTS  v1_37_2-kubeadm-westeurope.conformance: 0 executed, 2 expected" in out
    assert "v1_36_3-kubeadm-westeurope.conformance: " not in out
    assert harness(one, all_cells, "--expected", str(expected), "--partial", *place) == 0
    fewer = reports.run({"a": PASSED, "b": SKIPPED}, versions=("v1.36.3",))
    assert harness(fewer, all_cells, "--expected", str(expected), "--partial", *place) == 1
    idle = reports.run({"a": SKIPPED, "b": SKIPPED}, versions=("v1.36.3",))
    assert harness(idle, all_cells, "--expected", str(expected), "--partial", *place) == 1


def test_a_suite_without_a_cell_is_expected_of_every_other_cell(reports: Reports, tmp_path: Path) -> None:
    expected = tmp_path / "expected.yaml"
    expected.write_text("executed: {conformance: 2, v1_36_3-kubeadm-westeurope.conformance: 1}")
    place = ("--expected", str(expected), "--reports", str(reports.path))
    base = reports.run({"a": PASSED})
    run = reports.run({"a": PASSED}, versions=("v1.36.3", "v1.37.2"))
    assert harness(run, base, *place) == 1
    assert harness(reports.run({"a": PASSED, "b": PASSED}, versions=("v1.36.3", "v1.37.2")), base, *place) == 0


def test_a_suite_that_is_lost_as_a_whole(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    """In every cell or in one; each is a line, not hundreds."""
    place = ("--reports", str(reports.path))
    base = reports.run({"a": PASSED, "b": PASSED, "c": SKIPPED}, versions=("v1.36.3", "v1.37.2"))
    run = reports.run({"x": PASSED}, versions=("v1.36.3", "v1.37.2"), suite="volumes")
    found = compared(reports.path, run, base, {})
    assert [(item.what, item.expected) for item in found.lost] == [
        ("v1_36_3-kubeadm-westeurope.conformance", 2),
        ("v1_37_2-kubeadm-westeurope.conformance", 2),
    ]
    assert found.vanished == ()
    one = reports.run({"a": PASSED, "b": PASSED}, versions=("v1.37.2",))
    capsys.readouterr()
    assert harness(one, base, "--fail-on", "vanished", *place) == 1
    out = capsys.readouterr().out
    assert "1 suite not in this run" in out
    assert "  v1_36_3-kubeadm-westeurope.conformance: 2 tests executed in the base" in out
    assert harness(one, base, "--fail-on", "vanished", "--partial", *place) == 0
    assert "not in this run" not in capsys.readouterr().out
    assert harness(one, base, "--format", "json", *place) == 0
    assert json.loads(capsys.readouterr().out)["lost"][0]["expected"] == 2


def test_formats(reports: Reports, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--reports", str(reports.path))
    base = reports.run({"a": PASSED, "b": FAILED}, versions=("v1.37.1",))
    run = reports.run({"a": FAILED, "b": PASSED})
    assert harness(run, base, "--format", "json", *place) == 0
    raw = json.loads(capsys.readouterr().out)
    assert raw["counts"]["new"] == 1
    assert raw["new"][0]["name"] == "a"
    assert raw["kubernetes"][0]["address"].endswith("v1.37.1...v1.37.2")
    assert harness(run, base, "--format", "markdown", *place) == 0
    assert "### New failures (1)\n\n- **conformance: a**" in capsys.readouterr().out
    checkout = tmp_path / "kubernetes"
    for arguments in (["init", "-q"], ["commit", "-qm", "first", "--allow-empty"], ["tag", "v1.37.1"],
                      ["commit", "-qm", "Break the scheduler", "--allow-empty"], ["tag", "v1.37.2"]):  # fmt: skip
        identity = ["-c", "user.name=m", "-c", "user.email=m@example.org"]
        subprocess.run(
            ["git", *identity, "-C", str(checkout), *arguments]
            if checkout.exists()
            else ["git", "init", "-q", str(checkout)],
            check=True,
        )
    assert harness(run, base, "--checkout", str(checkout), *place) == 0
    assert "Break the scheduler" in capsys.readouterr().out


def test_the_history_page_has_every_run_and_only_restless_tests(reports: Reports) -> None:
    for outcome in (PASSED, FAILED, PASSED):
        reports.run({"restless <b>": outcome, "steady": PASSED})
    with history(reports.path) as past:
        (row,) = rows(past, list(reversed(past.runs)))
        page = render(past)
    assert (row.key[2], row.outcomes) == ("conformance.sig-apps.job::restless <b>", (PASSED, FAILED, PASSED))
    assert all(run.run in page for run in past.runs)
    assert "restless &lt;b&gt;" in page
    assert "steady" not in page
    assert "<script" not in page
