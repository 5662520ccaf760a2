"""Slower before the budget is used up, together with all other processes, and never silently."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from localazure.conftest import RunningServer

from harness.clouds.pace import Clock, Pace
from harness.errors import ThrottledError

from .conftest import opened


class Time:
    """Passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.sleep)


@pytest.mark.parametrize("shared", [True, False])
def test_the_fewer_are_left_the_slower(tmp_path: Path, shared: bool) -> None:
    clock = Time()
    pace = Pace(tmp_path / "pace.json" if shared else None, clock.clock)
    delays = []
    for left in (1000, 50, 25, 0):
        pace.learn("reads", left=left)
        delays.append(pace.delay("reads")[0])
    assert delays == [0.0, 0.0, 1.0, 2.0]
    assert pace.delay("writes")[0] == 0.0, "another budget"
    assert "0 reads left" in pace.delay("reads")[1]
    clock.sleep(2)
    assert pace.delay("reads")[0] == 0.0, "the bucket has filled again"


def test_what_one_process_is_told_all_know(tmp_path: Path) -> None:
    path = tmp_path / "pace.json"
    script = f"from pathlib import Path; from harness.clouds.pace import Pace; Pace(Path({str(path)!r})).learn('writes', wait=60)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert 50 < Pace(path).delay("writes")[0] <= 60


def test_a_shorter_wait_does_not_end_a_longer_one(tmp_path: Path) -> None:
    pace = Pace(tmp_path / "pace.json", Time().clock)
    pace.learn("reads", wait=60)
    pace.learn("reads", wait=1)
    assert pace.delay("reads")[0] == 60


def test_a_torn_file_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "pace.json"
    path.write_text('{"reads": {"un')
    pace = Pace(path)
    assert pace.delay("reads") == (0.0, "")
    pace.learn("reads", left=0)
    assert pace.delay("reads")[0] > 1


def requests(server: RunningServer) -> list[int]:
    found = server.ok("GET", "/localazure/journal?method=PUT&path=resourcegroups/g$")["value"]
    return [entry["status"] for entry in found]


def test_a_throttled_request_waits_visibly_and_then_succeeds(server: RunningServer, tmp_path: Path) -> None:
    server.ok("POST", "/localazure/faults", {"kind": "throttled", "method": "PUT", "count": 1, "seconds": 2})
    said: list[str] = []
    with opened(server, patience=10.0, pace=tmp_path / "pace.json") as arm:
        arm.tell = said.append
        began = time.monotonic()
        arm.create_group("g", "westeurope", {})
        assert time.monotonic() - began >= 1.9
    assert requests(server) == [429, 201]
    assert said[0].startswith("waiting 2 s: Azure takes no writes")


def test_a_wait_beyond_our_patience_is_an_error_at_once(server: RunningServer) -> None:
    server.ok("POST", "/localazure/faults", {"kind": "throttled", "method": "PUT", "count": -1, "seconds": 3600})
    began = time.monotonic()
    with opened(server, patience=30.0, retries=10) as arm, pytest.raises(ThrottledError) as caught:
        arm.create_group("g", "westeurope", {})
    assert time.monotonic() - began < 10
    assert requests(server) == [429], "not asked again"
    assert "Retry-After: 3600" in caught.value.log_tail


def test_a_small_budget_is_never_exhausted_by_polling(server: RunningServer, tmp_path: Path) -> None:
    """Two processes' worth of clients read as fast as they may; without the view they share, the server would refuse them."""
    server.ok("POST", "/localazure/config", {"rates": {"reads": [60, 25]}})
    path = tmp_path / "pace.json"
    with opened(server, patience=10.0, pace=path) as one, opened(server, patience=10.0, pace=path) as two:
        for _ in range(40):
            one.groups({})
            two.groups({})
    answers = [
        entry["status"] for entry in server.ok("GET", "/localazure/journal?method=GET&path=resourcegroups")["value"]
    ]
    assert set(answers) == {200}
    assert len(answers) == 80


def test_the_server_refuses_beyond_its_budget(server: RunningServer) -> None:
    server.ok("POST", "/localazure/config", {"rates": {"reads": [3, 0.5]}})
    answers = [server.call("GET", "/resourcegroups") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["x-ms-ratelimit-remaining-subscription-reads"] for answer in answers] == list("21000")
    assert answers[-1].headers["Retry-After"] == "2"
    assert answers[-1].json()["error"]["code"] == "SubscriptionRequestsThrottled"
    refused = server.call("POST", "/localazure/config", {"rates": {"guesses": [1, 1]}})
    assert "guesses" in refused.text
