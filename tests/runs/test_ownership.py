"""Two processes never decide about the same clusters; who does not stop when asked is ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import AbortedError, Outcome, UsageError
from harness.runs.deadline import MARGIN
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.locks import locked
from harness.runs.ownership import claim, give_up_foreign, leave, stop_owners
from harness.runs.processes import Owner
from harness.runs.state import RunState

ANOTHER = """
import signal, sys, time
from pathlib import Path
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.locks import locked
from harness.runs.ownership import claim, leave
from harness.errors import Outcome

folder, kind = RunFolder(Path(sys.argv[1])), sys.argv[2]

def end(number, frame):
    if kind == "deaf":
        return
    if kind == "slow":  # its teardown takes longer than anybody would wait for one that does nothing
        Ledger(folder.ledger).append("phase", "c", phase="down", state="started")
        time.sleep(1.5)
    leave(folder, Outcome.ABORTED)
    sys.exit()

signal.signal(signal.SIGTERM, end)
if kind == "lock":
    with locked(folder, "hold", 1):
        print("ready", flush=True)
        time.sleep(60)
claim(folder, "controller")
print("ready", flush=True)
while True:
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "r")


@contextmanager
def another(folder: RunFolder, kind: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the run."""
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(folder.path), kind], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def state(folder: RunFolder) -> RunState:
    return RunState.of(Ledger(folder.ledger).read())


def test_a_run_that_somebody_works_on_cannot_be_claimed(folder: RunFolder) -> None:
    with another(folder, "polite") as process:
        with pytest.raises(UsageError, match=rf"process {process.pid} \(controller\) works on run r"):
            claim(folder, "supervisor")
        claim(folder, "supervisor", beside=[Owner.of(process.pid)])
    leave(folder, Outcome.PASSED)


def test_a_run_whose_clusters_are_being_decided_about_cannot_be_claimed(folder: RunFolder) -> None:
    with another(folder, "lock"), pytest.raises(AbortedError, match="take"), locked(folder, "take it", 0.1):
        pass
    with locked(folder, "take it", 5):  # the kernel let go of it with its process
        pass


def test_who_claims_a_run_writes_the_ends_that_killed_processes_could_not(folder: RunFolder) -> None:
    with another(folder, "polite") as process:
        pid = process.pid
    claim(folder, "supervisor")
    assert [owner.pid for owner in state(folder).owners] == [Owner.this().pid]
    ends = [entry for entry in Ledger(folder.ledger).read() if entry.text("state") == "ended"]
    assert [(entry.fields["pid"], entry.fields["died"], entry.text("outcome")) for entry in ends] == [
        (pid, True, "aborted")
    ]


@pytest.mark.parametrize(
    ("kind", "code"), [("polite", 0), ("slow", 0), ("deaf", -signal.SIGKILL)], ids=["polite", "slow", "deaf"]
)
def test_who_works_on_a_run_is_asked_waited_for_and_then_ended(folder: RunFolder, kind: str, code: int) -> None:
    said: list[str] = []
    with another(folder, kind) as process:
        stop_owners(folder, 60.0, said.append, patience=0.5)
        assert process.wait(20) == code
    assert said[0] == f"asking process {process.pid} (controller) to stop"
    assert ("taking over" in said[-1]) == (kind == "deaf")
    assert state(folder).live_owners() == []


ELSEWHERE = {
    "of another machine": {"pid_started": "another boot:1", "host": "agent-7/0123", "pid_namespace": "pid:[1]"},
    "of another container": {
        "pid_started": f"{Owner.this().started.partition(':')[0]}:1",
        "host": "agent-7/0123",
        "pid_namespace": "pid:[1]",
    },
}


@pytest.fixture(params=ELSEWHERE)
def elsewhere(folder: RunFolder, request: pytest.FixtureRequest) -> RunFolder:
    """A run on which a process works that cannot be seen from here, and whose groups expire in an hour."""
    ledger, now = Ledger(folder.ledger), time.time()
    ledger.append("run", state="started", run="r", pid=12, role="controller", **ELSEWHERE[request.param])
    ledger.append("budget", started=now, tests_end=now, end=now + 3600 - MARGIN)
    return folder


def test_a_process_that_cannot_be_seen_from_here_works_on_its_run_until_that_expires(elsewhere: RunFolder) -> None:
    found = state(elsewhere)
    assert [str(owner) for owner in found.live_owners()] == ["process 12 (controller) on agent-7"]
    with pytest.raises(UsageError, match=r"process 12 \(controller\) on agent-7 works on run r"):
        claim(elsewhere, "supervisor")
    assert found.live_owners(time.time() + 3700) == []


def test_a_process_that_cannot_be_asked_is_not_taken_over_unless_its_host_is_gone(elsewhere: RunFolder) -> None:
    with pytest.raises(UsageError, match=r"cannot be asked from here; .*down --run r --host-gone"):
        stop_owners(elsewhere, 60.0, print)
    give_up_foreign(elsewhere)
    stop_owners(elsewhere, 60.0, print)
    claim(elsewhere, "down")
    assert [owner.pid for owner in state(elsewhere).owners] == [Owner.this().pid]


@pytest.mark.parametrize(
    "place",
    [
        {},  # written by an earlier harness
        {"host": Owner.this().host, "pid_namespace": Owner.this().namespace},
        {"host": Owner.this().host, "pid_namespace": "pid:[1]"},
    ],
    ids=["nowhere", "here", "in a container of this host"],
)
def test_a_process_of_this_host_died_with_the_boot_that_it_was_of(folder: RunFolder, place: dict[str, str]) -> None:
    ledger = Ledger(folder.ledger)
    ledger.append("run", state="started", run="r", pid=Owner.this().pid, pid_started="another boot:1", **place)
    ledger.append("budget", started=0.0, tests_end=0.0, end=time.time())
    assert state(folder).live_owners() == []


def test_a_process_id_that_was_used_again_is_nobody(folder: RunFolder) -> None:
    this = Owner.this()
    old = Owner(this.pid, f"{this.started}0")
    assert not old.alive
    old.send(signal.SIGKILL)  # and is not signalled
