"""What a run keeps back of its deadline, and limits inside limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.runs.deadline import Budget, check_order
from harness.runs.history import FILE, agreed_budget, budget_of, p95, remember
from harness.runs.ledger import Ledger
from harness.runs.state import RunState
from harness.settings import Settings


@pytest.mark.parametrize(
    ("seconds", "needed", "kept_back"),
    [
        (7200, None, 900),  # nothing is known: a fifth, but a quarter of an hour at most
        (1800, None, 360),
        (200, None, 60),
        (7200, 5, 60),  # never less than a minute
        (7200, 1500, 1500),  # this cloud is slow
        (600, 1500, 300),  # but half of the run is for what it is made for
        (60, None, 30),
    ],
)
def test_what_is_kept_back(seconds: float, needed: float | None, kept_back: float) -> None:
    budget = Budget.of(1000.0, seconds, needed)
    assert budget.end == 1000.0 + seconds
    assert budget.end - budget.tests_end == kept_back
    assert budget.teardown_deadline(budget.end).timestamp() == budget.end + kept_back, "never cut because tests overran"


def ended(ledger: Ledger, **seconds: float) -> RunState:
    for phase, spent in seconds.items():
        ledger.append("phase", "c", phase=phase.replace("_", "-"), state="passed", outcome="passed", seconds=spent)
    return RunState.of(ledger.read())


def test_past_runs_on_this_cloud_decide(settings: Settings, tmp_path: Path) -> None:
    assert p95(settings.cache / FILE, "local") is None
    for number in range(1, 101):
        ledger = Ledger(tmp_path / f"{number}.jsonl")
        remember(settings, ended(ledger, collect=1.0, down=float(number), leak_check=1.0))
    remember(settings.changed(cloud="azure"), ended(Ledger(tmp_path / "a.jsonl"), down=5000.0))
    with (settings.cache / FILE).open("a") as file:
        file.write('{"cloud": "local", "sec')
    assert p95(settings.cache / FILE, "local") == 97.0
    budget = budget_of(settings.changed(deadline="1h"), 0.0)
    assert budget.end - budget.tests_end == 97.0


def test_a_run_that_deleted_nothing_says_nothing(settings: Settings, tmp_path: Path) -> None:
    remember(settings, ended(Ledger(tmp_path / "l.jsonl"), build=100.0))
    assert not (settings.cache / FILE).exists()


def test_all_processes_of_a_session_have_one_budget(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.jsonl")
    ledger.append("run", state="started", pid=1, pid_started="x")
    first = agreed_budget(ledger, Budget.of(0.0, 600.0))
    assert agreed_budget(ledger, Budget.of(50.0, 600.0)) == first
    ledger.append("run", state="ended", pid=1, pid_started="x", outcome="passed")
    ledger.append("run", state="started", pid=2, pid_started="x")  # another session, on clusters that were kept
    assert agreed_budget(ledger, Budget.of(50.0, 600.0)).started == 50.0
    assert len([line for line in ledger.path.read_text().splitlines() if json.loads(line)["kind"] == "budget"]) == 2


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"deadline": "2h", "step_limit": "2h"}, ["--deadline 2h", "--step-limit 2h"]),
        ({"deadline": "90m", "step_limit": "3h", "agent_limit": "2h"}, ["--step-limit 3h", "--agent-limit 2h"]),
        ({"deadline": "90m", "agent_limit": "1h"}, ["--deadline 90m", "--agent-limit 1h"]),
    ],
)
def test_limits_in_the_wrong_order_are_refused(settings: Settings, limits: dict[str, str], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        check_order(settings.changed(**limits))
    assert [word for word in words if word not in str(caught.value)] == []


def test_limits_in_order_are_not(settings: Settings) -> None:
    check_order(settings.changed(deadline="90m", step_limit="2h", agent_limit="3h"))
    check_order(settings)
