"""A build that Jenkins stops: SIGTERM to every process that carries its cookie, 20 seconds, then nothing more; then ``post { cleanup }``.

durable-task signals the processes, waits REMOTE_TIMEOUT (20 s), fails the step and leaves alone what still runs. A resource group takes
minutes to delete, so the teardown is still held here when the cleanup of jenkins/vars/harnessCleanup.groovy begins.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .killing import Staged

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the checks before a run on the local cloud ask for root"),
]
COOKIE = "JENKINS_NODE_COOKIE"


@pytest.fixture
def build(staged: Staged) -> Staged:
    """A project whose commands are steps of a build."""
    staged.project.extra[COOKIE] = f"build-{staged.folder.name}"
    return staged


def tree(build: Staged) -> Iterator[int]:
    """What Jenkins' ProcessTreeKiller finds: everything whose environment has the build's cookie."""
    wanted = f"{COOKIE}={build.project.extra[COOKIE]}\0".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes():
                yield int(entry.name)
        except OSError:  # it ended
            continue


def stop(build: Staged, number: signal.Signals = signal.SIGTERM) -> list[int]:
    pids = list(tree(build))
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return pids


def check_files(build: Staged) -> None:
    """Whole lines, and JUnit with the test that had finished and those that were cut off."""
    for path in (build.run.results, build.run.ledger):
        for line in path.read_text().splitlines():
            json.loads(line)
    assert build.results()["test_a_first"] == "passed"
    cases = build.junit()
    assert (cases["test_a_first"], cases["test_b_stops"], cases["test_c_last"]) == ("passed", "error", "error")


def test_results_are_there_when_jenkins_gives_up_and_cleanup_finishes_the_teardown(build: Staged) -> None:
    build.start("testing", "deleting")
    build.wait_at("testing")
    pids = stop(build)
    assert {build.pid(who) for who in ("supervisor", "controller")} <= set(pids)
    assert build.pid("server") not in pids, "it serves other builds"
    build.wait(lambda: build.junit().get("test_b_stops") == "error")
    build.wait_at("deleting")
    check_files(build)
    assert len(build.open_groups()) == 1, "the teardown is held"

    down = build.project.start("down")  # the first of the two commands of the cleanup, while the run still tries
    build.go()
    assert down.wait() == 0, build.evidence
    assert "nothing is left" in down.text
    swept = build.project.harness("sweep")
    assert swept.code == 0, swept.text
    build.wait_for_nothing()
    check_files(build)


def test_sweep_alone_finishes_when_the_agent_is_lost_after_the_twenty_seconds(build: Staged) -> None:
    command = build.start("testing", "deleting")
    build.wait_at("testing")
    stop(build)
    build.wait(lambda: build.junit().get("test_b_stops") == "error")
    build.wait_at("deleting")
    stop(build, signal.SIGKILL)
    build.go()
    build.settle(command)
    assert len(build.open_groups()) == 1
    build.sweep()
    build.wait_for_nothing()
    check_files(build)
