"""The shipped Jenkinsfiles: what they do when all goes well, and what of it holds whatever happens."""

from __future__ import annotations

import ast
import itertools
import math
import re
from pathlib import Path

import pytest
import yaml

from harness.errors import Outcome
from harness.reporting.comparison.api import Side
from harness.reporting.comparison.expected import shortfalls
from harness.runs.matrix import load_matrix
from harness.settings import Settings, duration

from .checks import CHECKS, SECRET_FILES, commands, made
from .groovy import JENKINS, Trace, command, library
from .scenarios import FILES, HAPPENS, HOSTILE, KINDS, RUN

Traces = dict[str, Trace]
CHECKOUT = JENKINS.parent / "checkout"
SUITES = JENKINS.parent / "suites"


def paths(trace: Trace, **where: object) -> list[str]:
    return [
        parsed.path for event, parsed in commands(trace) if all(event[key] == value for key, value in where.items())
    ]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", KINDS)
def test_holds_whatever_happens(traces: Traces, kind: str, check: str) -> None:
    found = {happens: CHECKS[check](traces[f"{kind}/{happens}"]) for happens in HAPPENS}
    assert not any(found.values()), {happens: said for happens, said in found.items() if said}


def test_checks_have_something_to_look_at(traces: Traces) -> None:
    for kind in ("nightly", "nightly-local", "nightly-first", "pr", "pr-fork", "pr-provider"):
        assert list(made(traces[f"{kind}/timeout"])), kind
    assert any(event["secrets"] for event in traces["pr/success"].events)
    assert any("CHANGE_FORK" in event["env"] for event in traces["pr-fork/success"].events)


@pytest.mark.parametrize(
    ("happens", "result"),
    [
        ("success", "SUCCESS"),
        ("failure", "UNSTABLE"),
        ("infrastructure", "FAILURE"),
        ("crash", "FAILURE"),
        ("unprepared", "FAILURE"),
        ("abort", "ABORTED"),
        ("timeout", "ABORTED"),
        ("leak", "FAILURE"),
    ],
)
@pytest.mark.parametrize("kind", ["nightly", "nightly-local", "nightly-first", "pr", "pr-fork", "pr-provider"])
def test_results(traces: Traces, kind: str, happens: str, result: str) -> None:
    assert traces[f"{kind}/{happens}"].result == result


def test_the_nightly_runs_the_cells_of_the_matrix_and_those_only(traces: Traces) -> None:
    cells = list(load_matrix(JENKINS / "matrix.yaml").cells())
    trace = traces["nightly/success"]
    assert trace.cells == [
        {"SOURCE": cell.source, "DEPLOYER": cell.deployer, "LOCATION": cell.location} for cell in cells
    ]
    ran = [parsed.settings for _, parsed in made(trace)]
    assert [(settings.source, settings.location) for settings in ran] == [((c.source,), (c.location,)) for c in cells]
    assert {settings.matrix for settings in ran} == {str(JENKINS / "matrix.yaml")}
    assert paths(trace, cell=trace.cells[0]) == ["doctor", "run", "report write", "compare", "publish", "down", "sweep"]


def test_a_leak_is_looked_for_and_keeps_the_ledger(traces: Traces) -> None:
    for kind in ("nightly", "nightly-local", "pr", "pr-fork"):
        trace = traces[f"{kind}/leak"]
        assert paths(trace, post="cleanup").count("sweep") == len(list(made(trace))), kind
        assert trace.steps("deleteDir", post="cleanup") == [], "harness down, by hand, needs it"
        assert trace.result == "FAILURE"


def test_the_nightly_is_compared_with_its_last_stable_build_and_with_what_is_expected(traces: Traces) -> None:
    """Its folder of reports goes with the build, so the past is what Jenkins has. A cell that never came up is compared with nothing."""
    for happens in ("success", "failure"):
        trace = traces[f"nightly/{happens}"]
        told = [parsed.values["base"] for _, parsed in commands(trace) if parsed.path == "report write"]
        assert told == ["https://ci.example.org/job/job/"] * 3
        counted = [parsed.values for _, parsed in commands(trace) if parsed.path == "compare"]
        assert {(item["run"], item["base"], str(item["expected"])) for item in counted} == {
            ("latest", "latest", "jenkins/expected-tests.yaml")
        }
    assert not {"report write", "compare"} & set(paths(traces["nightly/infrastructure"]))
    assert traces["nightly/too-few"].result == "UNSTABLE"


def test_a_build_says_of_each_of_its_runs_what_became_of_it(traces: Traces) -> None:
    """In its name, its description and by a badge: lists of builds show nothing else."""
    for kind, happens, runs in (
        ("nightly", "success", 3),
        ("nightly", "infrastructure", 3),
        ("pr", "failure", 2),
        ("pr-fork", "abort", 1),
    ):
        trace = traces[f"{kind}/{happens}"]
        assert trace.displayName == ", ".join(["#7", *[f"{RUN} passed"] * runs])
        assert trace.description == "\n".join(["✅ Passed: all of it"] * runs)
        assert [event["arguments"] for event in trace.steps("addBadge", post="always")] == [
            {"text": "✅ Passed"}
        ] * runs
    assert (traces["nightly/untold"].result, traces["nightly/untold"].displayName) == ("UNSTABLE", "#7")
    assert traces["nightly/crash"].displayName == "#7", "there is nothing to tell"


def test_the_expected_tests_are_those_of_the_suites(tmp_path: Path) -> None:
    expected = yaml.safe_load((JENKINS / "expected-tests.yaml").read_text())["executed"]
    there = {suite: number_of_tests(SUITES / suite) for suite in load_matrix(JENKINS / "matrix.yaml").axes["suite"]}
    assert expected == there
    nothing = Side("run", "", 0.0, Outcome.PASSED, (), ())
    assert {short.what for short in shortfalls(nothing, JENKINS / "expected-tests.yaml")} == set(expected)


def number_of_tests(suite: Path) -> int:
    """Specs of the preset that runs when nothing is asked for, and Python tests with their parameters."""
    number = len(yaml.safe_load((suite / "specs.yaml").read_text())["presets"][Settings().conformance])
    functions = [
        node
        for path in suite.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    for function in functions:
        marks = [mark for mark in function.decorator_list if isinstance(mark, ast.Call)]
        parameters = [mark.args[1] for mark in marks if ast.unparse(mark.func) == "pytest.mark.parametrize"]
        number += math.prod(len(ast.literal_eval(values)) for values in parameters)
    return number


def test_the_nightly_on_a_subset(traces: Traces) -> None:
    (cell,) = {event["cell"]["SOURCE"] for event in traces["nightly/only"].events}
    assert cell == "module:v1.36.3"
    assert traces["nightly/none"].events == [], "and takes no lock either: when comes before options"


def test_the_first_nightly_runs_on_local_azure_and_needs_no_secret(traces: Traces) -> None:
    trace = traces["nightly-first/success"]
    assert {parsed.settings.cloud for _, parsed in made(trace)} == {"local"}
    assert not any(event["secrets"] for event in trace.events)


def test_one_cell_that_is_aborted_leaves_the_others_alone(traces: Traces) -> None:
    trace = traces["nightly/one-cell-aborted"]
    assert trace.result == "ABORTED"
    assert paths(trace).count("down") == 3
    assert [event["outcome"] for event, _ in made(trace)] == ["aborted", "ok", "ok"]


@pytest.mark.parametrize(
    ("file", "schedule"),
    [("nightly", "TZ=Etc/UTC\nH 2 * * *"), ("janitor", "H * * * *"), ("pr", None), ("ingest", None)],
)
def test_schedules_are_spread(traces: Traces, file: str, schedule: str | None) -> None:
    found = [given[0] for kind, _, given in traces[f"{file}/success"].declared if kind == "trigger"]
    assert found == ([schedule] if schedule else [])


def test_ways_of_logging_in_to_azure(traces: Traces) -> None:
    bound = {
        login: {name for event in traces[f"nightly/{login}"].events for name in event["secrets"]}
        for login in ("managed-identity", "oidc", "password", "success")
    }
    assert bound["managed-identity"] == set()
    assert bound["oidc"] == {"AZURE_FEDERATED_TOKEN_FILE"}
    assert bound["success"] == {"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"}
    assert traces["nightly/password"].result == "FAILURE"
    assert "run" not in paths(traces["nightly/password"])
    assert not any(event["secrets"] for event in traces["nightly-local/success"].events)


def test_a_test_may_take_less_than_a_run_which_may_take_less_than_its_step(traces: Traces) -> None:
    longest = max(
        duration(str(yaml.safe_load(path.read_text())["timeout"]))
        for path in SUITES.rglob("*specs.yaml")
        if "timeout" in yaml.safe_load(path.read_text())
    )
    for kind in ("nightly", "pr", "pr-fork"):
        for _, parsed in made(traces[f"{kind}/success"]):
            told = parsed.settings
            limits = [longest, *map(duration, (told.deadline, told.step_limit, told.agent_limit))]
            assert all(inner < outer for inner, outer in itertools.pairwise(limits)), (kind, limits)


def test_a_pull_request_is_built_and_tested_without_secrets_first(traces: Traces) -> None:
    trace = traces["pr/success"]
    assert [(parsed.path, parsed.settings.cloud) for _, parsed in commands(trace) if parsed.path == "run"] == [
        ("run", "local"),
        ("run", "azure"),
    ]
    assert paths(traces["pr/not-asked-for"]).count("run") == 1
    assert paths(traces["pr-fork/success"]).count("run") == 1
    assert paths(traces["pr/failure"]).count("run") == 2, "failed tests are no reason not to look at Azure"
    assert paths(traces["pr/infrastructure"]).count("run") == 1


@pytest.mark.parametrize(
    ("kind", "source", "component"),
    [("pr", f"path:{CHECKOUT}", ()), ("pr-provider", Settings().source[0], (f"cloud-provider-azure=path:{CHECKOUT}",))],
)
def test_the_job_decides_what_of_a_cluster_is_the_pull_requests(
    traces: Traces, kind: str, source: str, component: tuple[str, ...]
) -> None:
    trace = traces[f"{kind}/success"]
    built = [parsed for _, parsed in commands(trace) if parsed.path in ("plan", "build", "run")]
    assert [parsed.path for parsed in built] == ["plan", "run", "build", "run"]
    assert {parsed.settings.component for parsed in built} == {component}
    assert {parsed.settings.source for parsed in built if parsed.path != "build"} == {(source,)}
    (alone,) = [parsed for parsed in built if parsed.path == "build"]
    assert alone.values["source"].replace("path:", f"path:{CHECKOUT.parent}/") == source
    checkouts = [event["wrappers"][-1]["path"] for event in trace.steps("checkout")]
    assert checkouts == [CHECKOUT.name] * 2, "where those paths lead"


@pytest.mark.parametrize("happens", HAPPENS)
def test_the_check_on_github_always_arrives(traces: Traces, happens: str) -> None:
    (check,) = [event for event in traces[f"pr-fork/{happens}"].steps("publishChecks") if event["outcome"] == "ok"]
    green = happens in ("success", "leak")  # a leak is found after the check, and turns the build red
    if happens != "unprepared":
        (parsed,) = [
            parsed
            for event, parsed in commands(traces[f"pr-fork/{happens}"])
            if parsed.values.get("kind") == "markdown"
        ]
        assert parsed.values["base"] == "https://ci.example.org/job/kubernetes-azure-nightly/", "new failures, not all"
    assert check["arguments"]["conclusion"] == ("SUCCESS" if green else "FAILURE")


def test_the_janitor_deletes_unless_told_not_to(traces: Traces) -> None:
    ((_, swept),) = commands(traces["janitor/success"])
    assert (swept.path, swept.values["yes"], swept.values["dry_run"]) == ("sweep", True, False)
    ((_, looked),) = commands(traces["janitor/dry"])
    assert (looked.values["yes"], looked.values["dry_run"]) == (False, True)
    assert traces["janitor/left"].result == "FAILURE"
    assert traces["janitor/left"].steps("archiveArtifacts", post="always")
    assert {event["post"] for event in traces["janitor/success"].steps("deleteDir")} == {"cleanup"}


def test_a_run_is_ingested_under_its_own_name(traces: Traces) -> None:
    trace = traces["ingest/success"]
    assert (trace.result, trace.displayName, trace.description) == ("SUCCESS", "mine", "✅ Passed: a run")
    assert [event["arguments"] for event in trace.steps("addBadge")] == [{"text": "✅ Passed"}]
    assert traces["ingest/nameless"].steps("addBadge") == []
    assert traces["ingest/nameless"].displayName == RUN
    (unpacked,) = trace.steps("unzip")
    assert unpacked["arguments"]["dir"] == f"reports/{RUN}"
    (read,) = trace.steps("junit")
    assert read["arguments"]["testResults"] == f"reports/{RUN}/artifacts/junit_*.xml"
    done = [event["step"] for event in trace.events if event["step"] != "addBadge"]
    assert done[:3] == ["deleteDir", "unstash", "unzip"], "into an empty workspace"
    assert trace.steps("sh") == [], "nothing that was sent is run, and nothing is run on it"
    declared = {given["name"]: word for kind, word, given in trace.declared if kind == "parameter"}
    assert declared == {"RUN_ID": "string", "DISPLAY_NAME": "string", "DESCRIPTION": "text", "ARCHIVE": "stashedFile"}
    assert traces["ingest/none"].result == "FAILURE"


@pytest.mark.parametrize("name", ["path", "empty", "shell", "longer"])
def test_what_is_no_run_id_never_becomes_a_path(traces: Traces, name: str) -> None:
    trace = traces[f"ingest/{name}"]
    assert trace.result == "FAILURE"
    assert {event["step"] for event in trace.events} == {"error", "deleteDir"}


def test_text_from_outside_never_becomes_a_command(traces: Traces) -> None:
    for usual, hostile in (("ingest/success", "ingest/hostile"), ("pr-fork/success", "pr/hostile")):
        scripts = [[event["arguments"]["script"] for event in traces[name].steps("sh")] for name in (usual, hostile)]
        assert scripts[0] == scripts[1]
    ((_, planned),) = [(event, parsed) for event, parsed in commands(traces["pr/hostile"]) if parsed.path == "plan"]
    assert planned.settings.changed_since == f"origin/{HOSTILE}", "one word, as it came"


def test_the_shared_library_is_thin() -> None:
    assert sum(len(text.splitlines()) for text in library().values()) <= 60


def test_secret_files_are_those_of_the_documentation() -> None:
    said = (JENKINS.parent / "docs" / "explanation" / "secrets.md").read_text()
    (row,) = [line for line in said.splitlines() if "`reports/<run>/cells/<cell>/" in line]
    for name in re.findall(r"`(?:\S*/)?([a-z-]+)`", row):
        assert any(file.endswith(f"/{name}") for file in SECRET_FILES), name


def test_without_java_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        pytest.fail.Exception, match=r"^Java is missing; make setup installs it: apt-get install \S+ \S+$"
    ):
        command()


def test_there_are_no_other_jenkinsfiles() -> None:
    assert {path.suffix[1:] for path in Path(JENKINS).glob("Jenkinsfile*")} == set(FILES)
