"""The recorder knows what Jenkins does: without that, nothing it says of our Jenkinsfiles would mean anything."""

from __future__ import annotations

import pytest

from .groovy import Trace
from .language import WRONG

Traces = dict[str, Trace]


def order(trace: Trace) -> list[str]:
    return [event["arguments"]["message"] for event in trace.steps("echo")]


@pytest.mark.parametrize(
    ("happened", "result", "conditions"),
    [
        ("success", "SUCCESS", "always success cleanup"),
        ("fixed", "SUCCESS", "always changed fixed success cleanup"),
        ("failure", "FAILURE", "always changed regression failure unsuccessful cleanup"),
        ("unstable", "UNSTABLE", "always unstable unsuccessful cleanup"),
        ("aborted", "ABORTED", "always changed regression aborted unsuccessful cleanup"),
        ("timeout", "ABORTED", "always aborted unsuccessful cleanup"),
    ],
)
def test_post_conditions_come_in_jenkins_order_not_in_the_files(
    traces: Traces, happened: str, result: str, conditions: str
) -> None:
    trace = traces[f"language/post-{happened}"]
    assert (trace.result, order(trace)) == (result, conditions.split())


def test_a_condition_that_throws_does_not_keep_the_others_but_changes_which_hold(traces: Traces) -> None:
    trace = traces["language/post-throws"]
    assert (trace.result, order(trace)) == ("FAILURE", ["unsuccessful", "cleanup"])


def test_a_matrix_is_expanded_without_its_excludes_and_each_cell_is_a_stage_of_its_own(traces: Traces) -> None:
    trace = traces["language/matrix"]
    assert trace.cells == [{"A": "1", "B": "x"}, {"A": "2", "B": "y"}, {"A": "3", "B": "y"}]
    ran = [(event["cell"]["A"], event["agent"], event["arguments"]["script"]) for event in trace.steps("sh")]
    assert ran == [
        ("1", "agent-1", "one"),
        ("1", "agent-1", "two"),
        ("1", "agent-1", "clean"),
        ("2", "agent-2", "one"),
        ("2", "agent-2", "clean"),
    ], "the second stage of the failed cell is skipped, its cleanup is not, and the third cell's when does not hold"
    assert {event["wrappers"][0]["resource"] for event in trace.events} == {"x", "y"}
    assert trace.result == "FAILURE"


def test_a_limit_in_options_cuts_post_off_after_a_minute_of_grace(traces: Traces) -> None:
    trace = traces["language/limit-in-options"]
    outcomes = [(event["arguments"]["script"], event["outcome"], event["ended"]) for event in trace.steps("sh")]
    assert outcomes == [("long", "timeout", 10), ("short", "ok", 10.5), ("clean", "killed", 11), ("outside", "ok", 12)]


def test_a_limit_around_a_step_leaves_post_alone(traces: Traces) -> None:
    outcomes = [(event["outcome"], event["ended"]) for event in traces["language/limit-around-a-step"].steps("sh")]
    assert outcomes == [("timeout", 10), ("ok", 15)]


def test_the_shortest_limit_strikes_first(traces: Traces) -> None:
    assert traces["language/nested-limits"].minutes == 10


def test_what_nothing_limits_is_said_to_hang(traces: Traces) -> None:
    assert traces["language/no-limit"].problems == ["Wrong: sh would never end: nothing limits it"]


def test_stages_after_a_failed_one_are_skipped(traces: Traces) -> None:
    trace = traces["language/failure-skips"]
    assert [event["stages"][-1:] for event in trace.events] == [["One"], ["One"], [], []]
    assert (trace.result, order(trace)) == ("FAILURE", ["one failed", "cleanup"])
    assert [event["arguments"] for event in traces["language/unstable-skips"].steps("sh")] == [{"script": "one"}]
    assert traces["language/no-results"].result == "FAILURE", "junit without files aborts"


@pytest.mark.parametrize(("name", "ran"), [("when", ["change"]), ("when-skip", []), ("when-branch", ["change"])])
def test_conditions_of_stages(traces: Traces, name: str, ran: list[str]) -> None:
    assert order(traces[f"language/{name}"]) == ran


def test_branches_run_at_the_same_time(traces: Traces) -> None:
    trace = traces["language/parallel"]
    assert [(event["began"], event["ended"]) for event in trace.events] == [(0, 7), (0, 3)]
    assert (trace.minutes, trace.result) == (7, "FAILURE")


def test_errors_that_are_caught_and_exit_codes_that_are_asked_for(traces: Traces) -> None:
    assert traces["language/catch"].result == "UNSTABLE"
    assert [event["arguments"]["script"] for event in traces["language/catch"].steps("sh")] == ["x", "after"]
    assert (traces["language/warn"].result, len(traces["language/warn"].events)) == ("UNSTABLE", 2)
    assert order(traces["language/status"]) == ["code 3"]


def test_secrets_are_seen_where_they_are_bound_and_recognised_everywhere(traces: Traces) -> None:
    inside, told, later = traces["language/secrets"].events
    assert (inside["secrets"], inside["leaks"]) == (["TOKEN"], [])
    assert (told["secrets"], told["leaks"]) == (["TOKEN"], ["TOKEN"]), "Groovy put the value into the command"
    assert (later["secrets"], later["leaks"]) == ([], ["TOKEN"]), "outside the block nothing masks it any more"
    (event,) = traces["language/secret-in-environment"].events
    assert event["secrets"] == ["S"]
    assert (event["env"]["B"], "S" in event["env"]) == ("ab", False)


def test_the_first_build_has_parameters_but_no_variables_of_them(traces: Traces) -> None:
    assert order(traces["language/first-build"]) == ["a"]
    assert "A" not in traces["language/first-build"].events[0]["env"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-agent", "sh needs an agent"),
        ("no-property", "there is no NOTHING here"),
        ("no-binding", "token is no step"),
        ("no-block", "timeout needs block"),
        ("two-values", "sh takes one value"),
    ],
)
def test_what_fails_only_when_it_runs(traces: Traces, name: str, said: str) -> None:
    (problem,) = traces[f"language/{name}"].problems
    assert said in problem


@pytest.mark.parametrize("name", WRONG)
def test_what_jenkins_refuses_before_anything_runs(traces: Traces, name: str) -> None:
    trace = traces[f"language/wrong-{name}"]
    assert any(WRONG[name][1] in problem for problem in trace.problems), trace.problems
    assert trace.events == []
