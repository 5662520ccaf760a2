"""What an answer asks us to wait is told, bounded, and slept through by nobody else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from azure.core.pipeline import Pipeline
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from localazure.conftest import RunningServer

from harness.clouds.limit import limited
from harness.clouds.pace import Clock, Pace
from harness.clouds.waiting import PacePolicy, Retries, retry_after
from harness.errors import AbortedError, CloudError, Outcome, ThrottledError

from .conftest import opened
from .test_pace import Time

Answers = Sequence[tuple[int, dict[str, str]]]
"""Status and headers of each answer in turn; the last one for ever."""


@contextmanager
def answering(answers: Answers) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers; its URL, and the methods of what it was asked."""
    asked: list[str] = []

    class Scripted(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.command)
            code = "TooManyRequests" if status == 429 else "AnotherOperationInProgress"
            body = json.dumps({"error": {"code": code, "message": "as told"}}).encode()
            self.send_response(status)
            for name, value in {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asking(answers: Answers, time_: Time, said: list[str], patience: float = 600.0) -> tuple[int, list[str]]:
    """The status that the product's policies give in the end, and what was asked for it."""
    policy = PacePolicy(Pace(None, time_.clock), patience, said.append, time_.clock)
    with answering(answers) as (url, asked), Pipeline(RequestsTransport(), [Retries(), policy]) as pipeline:
        return pipeline.run(HttpRequest("GET", url)).http_response.status_code, asked


@pytest.mark.parametrize("status", [409, 503])
def test_a_failure_that_asks_for_a_wait_is_waited_for_visibly(status: int) -> None:
    clock, said = Time(), list[str]()
    assert asking([(status, {"Retry-After": "20"}), (200, {})], clock, said) == (200, ["GET", "GET"])
    assert clock.at == pytest.approx(1020)
    assert said[0] == f"waiting 20 s: Azure answers {status} and asks for it"


@pytest.mark.parametrize("status", [409, 503])
def test_it_is_asked_for_again_only_so_often(status: int) -> None:
    clock = Time()
    began = time.monotonic()
    assert asking([(status, {"Retry-After": "20"})], clock, []) == (status, ["GET"] * 4)
    assert clock.at == pytest.approx(1060)
    assert time.monotonic() - began < 15, "the SDK slept as well"


@pytest.mark.parametrize("status", [409, 503])
def test_hours_are_not_slept_through(status: int) -> None:
    clock = Time()
    assert asking([(status, {"Retry-After": "3600"})], clock, []) == (status, ["GET"])
    assert clock.at == 1000


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    clock = Time()
    with limited(datetime.fromtimestamp(1030, UTC)):
        assert asking([(503, {"Retry-After": "20"})], clock, []) == (503, ["GET", "GET"])
    assert clock.at == pytest.approx(1020)


def test_who_has_a_strategy_gets_the_answer_at_once() -> None:
    clock = Time()
    with limited(datetime.fromtimestamp(2000, UTC), repeats=False):
        assert asking([(409, {"Retry-After": "20"})], clock, []) == (409, ["GET"])


def test_throttled_without_end_is_an_error_before_the_deadline() -> None:
    clock = Time()
    with limited(datetime.fromtimestamp(1030, UTC)), pytest.raises(ThrottledError) as caught:
        asking([(429, {"Retry-After": "7"})], clock, [])
    assert clock.at == pytest.approx(1028)
    assert "Retry-After: 7" in caught.value.log_tail


def test_throttled_without_end_and_without_a_deadline_is_an_error_in_the_end() -> None:
    clock = Time()
    with pytest.raises(ThrottledError):
        asking([(429, {"Retry-After": "50"})], clock, [], patience=120)
    assert clock.at == pytest.approx(1100)


def test_what_another_process_was_told_counts_against_the_deadline() -> None:
    clock = Time()
    pace = Pace(None, clock.clock)
    pace.learn("reads", wait=60)
    policy = PacePolicy(pace, 600, lambda text: None, clock.clock)
    with answering([(200, {})]) as (url, asked), Pipeline(RequestsTransport(), [policy]) as pipeline:
        with limited(datetime.fromtimestamp(1030, UTC)), pytest.raises(ThrottledError, match="takes no reads"):
            pipeline.run(HttpRequest("GET", url))
        assert asked == []
        assert pipeline.run(HttpRequest("GET", url)).http_response.status_code == 200


def test_a_wait_ends_when_the_run_is_cut_off() -> None:
    clock, cut = Time(), threading.Event()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.at > 1010:
            cut.set()

    impatient = Clock(clock.now, sleep)
    policy = PacePolicy(Pace(None, impatient), 600, lambda text: None, impatient)
    with (
        answering([(429, {"Retry-After": "300"})]) as (url, _),
        Pipeline(RequestsTransport(), [policy]) as pipeline,
        limited(datetime.fromtimestamp(5000, UTC), cut),
        pytest.raises(AbortedError),
    ):
        pipeline.run(HttpRequest("GET", url))
    assert clock.at < 1011


def test_the_clients_of_a_run_are_made_of_these_policies(server: RunningServer) -> None:
    server.ok("POST", "/localazure/faults", {"kind": "ServiceUnavailable", "method": "PUT", "count": -1, "seconds": 2})
    said: list[str] = []
    with opened(server, patience=10.0, retries=1) as arm:
        arm.tell = said.append
        with pytest.raises(CloudError) as caught:
            arm.create_group("g", "westeurope", {})
    assert caught.value.outcome is Outcome.CLOUD
    assert said == ["waiting 2 s: Azure answers 503 and asks for it"]
    assert len(server.ok("GET", "/localazure/journal?method=PUT&path=resourcegroups/g$")["value"]) == 2


def test_what_compute_has_left_slows_its_requests_and_no_others() -> None:
    """Its budgets are small: twelve reads left are plenty, none is none."""
    clock, said, waits = Time(), list[str](), list[float]()
    policies = [PacePolicy(Pace(None, clock.clock), 600, said.append, clock.clock)]
    left = [
        "HighCostGet3Min;159, Microsoft.Compute/GetVM3Min;12",
        "HighCostGet30Min;1199,Microsoft.Compute/GetVM3Min;0",
    ]
    answers = [(200, {"x-ms-ratelimit-remaining-resource": f"Microsoft.Compute/{each}"}) for each in left]
    with answering(answers) as (url, _), Pipeline(RequestsTransport(), policies) as pipeline:
        scope = f"{url}/subscriptions/s"
        for path in (*["/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m?a=b"] * 3, "/resourcegroups"):
            before = clock.at
            pipeline.run(HttpRequest("GET", scope + path))
            waits.append(clock.at - before)
    assert waits == [0, 0, pytest.approx(2), 0]
    assert said == ["waiting 2 s: 0 reads of microsoft.compute left of this subscription's budget"]


def test_a_date_is_a_wait_too() -> None:
    then = datetime.now(UTC) + timedelta(seconds=90)
    assert 85 < retry_after({"Retry-After": format_datetime(then, usegmt=True)}) <= 90
    assert retry_after({"Retry-After": format_datetime(then - timedelta(hours=1), usegmt=True)}) == 0
    assert retry_after({"Retry-After": "soon"}) == 0
    assert retry_after({"x-ms-retry-after-ms": "1500"}) == 1.5
