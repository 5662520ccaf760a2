"""What kubernetes-anywhere's test/azure/Jenkinsfile (2016) did wrong, each defect by name: this one does not have it.

The list is of the file as it was before 2e5f6fa deleted it: 126 lines, scripted, one deployment to Azure a build.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clouds.codes import decide
from harness.errors import CloudError, Outcome
from harness.runs.api import Cell, Plan
from harness.runs.placement import Placement, next_placement

from .checks import CHECKS, SECRET_FILES, commands, made
from .groovy import JENKINS, Trace
from .scenarios import FILES, HAPPENS

Traces = dict[str, Trace]
BUILDS = ("nightly", "nightly-local", "nightly-first", "pr", "pr-fork", "pr-provider")


def test_a_failed_deployment_or_test_skipped_the_destroy(traces: Traces) -> None:
    """There was no try/finally: destroy was a stage, and stages after a failed one are skipped."""
    for kind in BUILDS:
        for happens in ("failure", "infrastructure", "crash", "abort", "timeout"):
            trace = traces[f"{kind}/{happens}"]
            runs = [event["cell"] or event["stages"] for event, _ in made(trace)]
            downs = [event["cell"] or event["stages"] for event, parsed in commands(trace) if parsed.path == "down"]
            assert runs
            assert downs == runs, (kind, happens)


@pytest.mark.parametrize("file", ["config.json", ".config.json", "kubeconfig.json"])
def test_the_principals_secret_and_the_kubeconfig_were_archived(traces: Traces, file: str) -> None:
    assert file in SECRET_FILES
    for name, trace in traces.items():
        if name.partition("/")[0] in (*BUILDS, "janitor", "ingest"):
            assert CHECKS["nothing_secret_is_archived"](trace) == [], name
            assert not any(event["arguments"].get("fingerprint") for event in trace.steps("archiveArtifacts"))


def test_a_command_stood_bare_outside_sh() -> None:
    """``make conformtest`` was Groovy, and would have failed as such; tests/jenkinsfiles/mutations.py: command-outside-sh."""
    for file in FILES:
        lines = (line.strip() for line in (JENKINS / f"Jenkinsfile.{file}").read_text().splitlines())
        assert not [line for line in lines if line.startswith(("make ", "./", "bash "))]


def test_there_was_no_junit_step(traces: Traces) -> None:
    for kind in BUILDS:
        for happens in HAPPENS:
            trace = traces[f"{kind}/{happens}"]
            assert len(trace.steps("junit", post="always")) >= len(list(made(trace)))


def test_there_were_no_logs(traces: Traces) -> None:
    for kind in BUILDS:
        archived = " ".join(
            str(event["arguments"]["artifacts"]) for event in traces[f"{kind}/crash"].steps("archiveArtifacts")
        )
        for wanted in (
            "latest/build-log.txt",
            "latest/cells/*/logs/**",
            "latest/cells/*/failures/**",
            "latest/index.html",
        ):
            assert wanted in archived, kind


def test_there_was_no_timeout(traces: Traces) -> None:
    for file in ("nightly", "pr", "janitor", "ingest"):
        assert CHECKS["every_command_has_a_limit"](traces[f"{file}/success"]) == []
    assert traces["nightly/timeout"].minutes < 4 * 60, "and it ends within the agent's time"


def test_nothing_was_built_once_and_used_again(traces: Traces) -> None:
    """Each build pushed three images of a hyperkube of its own. Builds are in a cache outside of the workspace, keyed by what goes in."""
    for kind in BUILDS:
        for event, parsed in made(traces[f"{kind}/success"]):
            assert parsed.settings.cache == Path("/root/.cache/kubernetes-azure-harness")
            assert not str(parsed.settings.cache).startswith(event["env"]["WORKSPACE"])
        removed = [event["wrappers"] for event in traces[f"{kind}/success"].steps("deleteDir")]
        assert all(wrappers[-1]["path"].startswith("reports/") for wrappers in removed)


def test_the_region_was_fixed(traces: Traces) -> None:
    assert len({cell["LOCATION"] for cell in traces["nightly/success"].cells}) > 1


def test_two_builds_of_one_checkout_shared_their_configuration(traces: Traces) -> None:
    """``phase1/azure/do`` read ./../../.config.json. Cells have names, resource groups and folders of their own."""
    for kind in BUILDS:
        assert CHECKS["reports_are_of_this_build_and_cell"](traces[f"{kind}/success"]) == []


def test_a_lost_workspace_made_destroy_impossible(traces: Traces) -> None:
    """Its terraform state was a file there. The janitor goes by tags, from any agent, and needs no file of the build's."""
    ((event, parsed),) = commands(traces["janitor/success"])
    assert (parsed.path, parsed.values["yes"]) == ("sweep", True)
    assert "HARNESS_REPORTS" not in event["env"]


@pytest.mark.parametrize(("code", "again"), [("InternalServerError", True), ("AuthorizationFailed", False)])
def test_apply_was_run_a_second_time_after_any_error(code: str, again: bool) -> None:
    """And no retry where one would have helped. Whether it may help is known of the error."""
    meaning = decide([code])[1]
    error = CloudError("deploy", code=code, remedy=meaning.remedy)
    cell = Cell("a", "module:v1.37.2", "kubeadm", "westeurope")
    plan = Plan("20261123-223010-a1b2", "azure", (cell,), ("volumes",), "us", 0.0)
    assert (next_placement(plan, cell, (), [Placement.first(plan, cell)], error) is not None) is again


def test_a_master_that_does_not_come_up_looked_like_any_failure(traces: Traces) -> None:
    """Fresh regressions kept clusters from coming up in the week it was opened. Exit codes keep that apart from failed tests."""
    assert (traces["nightly/failure"].result, traces["nightly/infrastructure"].result) == ("UNSTABLE", "FAILURE")
    assert {Outcome.BUILD, Outcome.DEPLOY, Outcome.CLOUD, Outcome.HARNESS} < set(Outcome)


def test_a_failed_destroy_was_green(traces: Traces) -> None:
    for kind in BUILDS:
        assert traces[f"{kind}/leak"].result == "FAILURE"


def test_answers_were_given_to_a_menu_by_position(traces: Traces) -> None:
    """A heredoc answered the questions of ``make .config.json``. Every value has its flag."""
    for kind in BUILDS:
        assert CHECKS["every_step_is_one_command"](traces[f"{kind}/success"]) == []


def test_there_was_no_lock_discarder_schedule_matrix_or_parameter(traces: Traces) -> None:
    trace = traces["nightly/success"]
    declared = {(kind, name) for kind, name, _ in trace.declared}
    wanted = {("option", "lock"), ("option", "buildDiscarder"), ("trigger", "cron"), ("parameter", "choice")}
    assert wanted <= declared
    assert len(trace.cells) == 3
