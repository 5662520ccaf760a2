"""Whatever process gets whatever signal in whatever phase: after a sweep nothing is left, and no finished result is lost.

``KILL_MATRIX=all`` runs every cell, as bench/kill_matrix.py does on real machines.
"""

from __future__ import annotations

import os
import signal
import time

import pytest
from kill_cells import PHASES, Kill, every, quick

from .killing import Staged

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the checks before a run on the local cloud ask for root"),
]
CELLS = list(every() if os.environ.get("KILL_MATRIX") == "all" else quick())


@pytest.mark.parametrize("kill", CELLS, ids=str)
def test_cell(staged: Staged, kill: Kill) -> None:
    command = staged.start(kill.phase, suite="bad" if kill.phase == "collecting" else "good")
    staged.wait_at(kill.phase)
    os.kill(staged.pid(kill.victim), kill.number)
    staged.go(*(phase for phase in PHASES if kill.victim == "server" or phase != "testing"))
    staged.settle(command)
    assert command.code in kill.codes, staged.evidence
    staged.sweep()
    staged.wait_for_nothing()
    cases = staged.junit()
    assert cases, "no JUnit"
    if kill.phase in ("testing", "collecting", "deleting", "reporting"):
        assert staged.results()["test_a_first"] == cases["test_a_first"] == "passed"
    if kill.phase == "testing" and kill.codes == (2,):
        assert staged.results().get("test_b_stops", "aborted") == "aborted"  # pytest may not have heard of its start
        assert cases["test_b_stops"] == cases["test_c_last"] == "error"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_junit_is_there_before_clusters_are_gone(staged: Staged, number: signal.Signals) -> None:
    command = staged.start("testing", "deleting")
    staged.wait_at("testing")
    command.process.send_signal(number)
    staged.wait(lambda: staged.junit().get("test_b_stops") == "error")
    assert staged.junit()["test_a_first"] == "passed"
    staged.wait_at("deleting")
    assert command.code is None, "the teardown is held"
    staged.go()
    staged.settle(command)
    assert command.code == 2, staged.evidence
    assert staged.left() == []


@pytest.mark.parametrize("phase", ["testing", "deleting"])
def test_who_is_stopped_twice_leaves_the_rest_to_a_reaper_that_the_ledger_names(staged: Staged, phase: str) -> None:
    token = staged.project.extra["JENKINS_API_TOKEN"] = "1134abcdef0123456789abcdef01234567"
    command = staged.start(phase, "deleting")
    staged.wait_at(phase)
    command.process.send_signal(signal.SIGTERM)
    staged.wait_at("deleting")
    time.sleep(1.1)  # what comes within a second is one stop
    command.process.send_signal(signal.SIGTERM)
    assert command.process.wait(60) == 2, staged.evidence
    (reaper,) = staged.state_now.live_owners()
    assert reaper.role == "reaper"
    assert f"process {reaper.pid}" in command.text
    assert "test_a_first" in staged.junit()
    with staged.open() as cloud:
        assert any(staged.run.path.name in group.name for group in cloud.groups({}))
    os.kill(reaper.pid, signal.SIGTERM)  # nothing hurries it
    staged.go()
    staged.settle(command)
    staged.wait_for_nothing()
    log = staged.run.log.read_text()
    assert "reaper deletes with [redacted]" in log, "what it prints is kept"
    assert token not in log


def test_kill_9_of_everybody_leaves_the_job_to_sweep(staged: Staged) -> None:
    command = staged.start("testing")
    staged.wait_at("testing")
    pids = [staged.pid(victim) for victim in ("supervisor", "controller", "worker", "server")]
    os.kill(pids[0], signal.SIGSTOP)
    for pid in (*pids[1:], pids[0]):
        os.kill(pid, signal.SIGKILL)
    staged.go()
    staged.settle(command)
    assert len(staged.state_now.abandoned) == 1
    staged.sweep()
    staged.wait_for_nothing()
    assert staged.junit()["test_a_first"] == "passed"
