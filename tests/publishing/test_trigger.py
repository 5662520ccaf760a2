"""Jobs that are triggered: once each, followed to their end, again only where infrastructure failed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.errors import AbortedError, Outcome, UsageError
from harness.jenkins.address import job_address
from harness.jenkins.connection import Connection, Credentials
from harness.jenkins.errors import RejectedError, UnreachableError
from harness.jenkins.follow import follow, number_of, outcome
from harness.jenkins.job import Job
from harness.jenkins.patience import Patience
from harness.jenkins.run import Ended, run
from harness.jenkins.trigger import Order, Placed, place

from .conftest import LONG, PACE, short
from .contract.running import Contract
from .contract.security import TOKEN, USER

ORDER = {"method": "POST", "path": "/build"}


@pytest.fixture
def job(contract: Contract, connection: Connection) -> Job:
    return Job(connection, job_address(contract.url, "nightly"))


@pytest.fixture
def said() -> list[str]:
    return []


def go(job: Job, patience: Patience, said: list[str], retries: int = 0, **form: str) -> Ended:
    order = Order(form, {"RUN_ID": form["RUN_ID"]})
    return run(job, order, patience, retries, said.append, lambda _: None)


@pytest.mark.parametrize(
    ("result", "tests", "expected"),
    [
        ("SUCCESS", "", Outcome.PASSED),
        ("UNSTABLE", "conformance.pods", Outcome.FAILED),
        ("FAILURE", "", Outcome.CLOUD),
        ("FAILURE", "conformance.pods", Outcome.FAILED),
        ("FAILURE", "lifecycle.up", Outcome.CLOUD),
        ("FAILURE", "lifecycle.up conformance.pods", Outcome.FAILED),
        ("FAILURE", "lifecycle.proof", Outcome.FAILED),
        ("NOT_BUILT", "", Outcome.SKIPPED),
        ("ABORTED", "", Outcome.ABORTED),
    ],
)
def test_results_in_our_own_words(
    job: Job, patience: Patience, said: list[str], result: str, tests: str, expected: Outcome
) -> None:
    ended = go(job, patience, said, RUN_ID=f"{result}{tests}", RESULT=result, TESTS=tests)
    assert (ended.build.result, ended.outcome) == (result, expected)


def test_the_log_comes_whole_and_once(contract: Contract, job: Job, patience: Patience, said: list[str]) -> None:
    """Though connections break in it, and letters are cut in two where a piece ends."""
    contract.set(flush=7)
    contract.fault("cut", "after", path="progressiveText", skip=1, times=2)
    contract.fault("502", path="progressiveText", skip=4)
    go(job, patience, said, RUN_ID="log", SECONDS="0.4", LINES="40")
    lines = "".join(said).splitlines()
    assert lines == [f"Started by user {USER}", *(f"line {n} — grüße ☃" for n in range(40)), "Finished: SUCCESS"]


def test_a_restart_in_the_middle_of_a_log(contract: Contract, job: Job, patience: Patience, said: list[str]) -> None:
    contract.fault("crash", path="progressiveText", skip=2)
    with contract.reviving():
        ended = go(job, patience, said, RUN_ID="restarted", SECONDS="1.0", LINES="20")
    assert ended.outcome is Outcome.PASSED
    assert "".join(said).splitlines()[1:-1] == [f"line {n} — grüße ☃" for n in range(20)]


def test_again_only_where_infrastructure_failed(
    contract: Contract, job: Job, patience: Patience, said: list[str]
) -> None:
    ended = go(job, patience, said, 2, RUN_ID="third", RESULT="FAILURE,FAILURE,SUCCESS")
    assert ended.outcome is Outcome.PASSED
    assert contract.counts()["third"] == 3
    cell = go(job, patience, said, 1, RUN_ID="cell", RESULT="FAILURE,SUCCESS", TESTS="lifecycle.up lifecycle.down")
    assert (cell.outcome, contract.counts()["cell"]) == (Outcome.PASSED, 2)
    assert go(job, patience, said, 1, RUN_ID="too few", RESULT="FAILURE").outcome is Outcome.CLOUD
    assert contract.counts()["too few"] == 2
    for number, (result, tests) in enumerate([("UNSTABLE", ""), ("FAILURE", "conformance.pods"), ("ABORTED", "")]):
        go(job, patience, said, 2, RUN_ID=f"no {number}", RESULT=result, TESTS=tests)
        assert contract.counts()[f"no {number}"] == 1


def test_with_a_run_id_once_for_each(contract: Contract, job: Job, patience: Patience, said: list[str]) -> None:
    first = go(job, patience, said, RUN_ID="once")
    assert go(job, patience, said, RUN_ID="once").build == first.build
    assert contract.counts()["once"] == 1


@pytest.mark.parametrize("kind", ["cut", "502"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_without_a_run_id_a_lost_answer_is_looked_for_by_what_was_sent(
    contract: Contract, job: Job, patience: Patience, kind: str, when: str
) -> None:
    """Passwords do not show, and earlier builds with the same parameters are others."""
    form = {"SECONDS": "0.01", "LINES": f"{len(kind + when)}", "TOKEN": "geheim"}
    place(job, Order(form, form, after=job.newest()), patience)
    time.sleep(0.05)
    before, after = contract.counts()[""], job.newest()
    contract.fault(kind, when, **ORDER)
    assert place(job, Order(form, form, after=after), patience).sent
    assert contract.counts()[""] == before + 1


def test_a_job_without_parameters(contract: Contract, connection: Connection, patience: Patience) -> None:
    job = Job(connection, job_address(contract.url, "plain"))
    assert job.check(set()) is False
    with pytest.raises(UsageError, match="has no parameter RUN_ID: it has none"):
        job.check({"RUN_ID"})
    contract.fault("cut", "after", **ORDER)
    order = Order({}, {}, parameterized=False, after=job.newest())
    found = place(job, order, patience)
    assert found.sent
    number = number_of(job, found.ordered, patience)
    assert follow(job, number, patience, lambda _: None).result == "SUCCESS"
    with pytest.raises(RejectedError, match="HTTP 400: plain is not parameterized"):
        place(job, replace(order, parameterized=True, after=job.newest()), patience)


def test_an_address_that_is_elsewhere(contract: Contract, job: Job, patience: Patience) -> None:
    """Who follows such a redirect, as libraries do, sends a GET there and takes its page for success."""
    contract.fault("302", **ORDER)
    with pytest.raises(RejectedError, match=r"HTTP 302 to https://127.0.0.1.*give its address as it is there"):
        place(job, Order({"RUN_ID": "elsewhere"}, {"RUN_ID": "elsewhere"}), patience)


def test_a_job_in_a_folder(contract: Contract, connection: Connection, patience: Patience, said: list[str]) -> None:
    """A job of the same name elsewhere is another."""
    inner, outer = (Job(connection, job_address(contract.url, name)) for name in ("team/nightly", "nightly"))
    contract.set(executors=0)
    place(outer, Order({"RUN_ID": "same"}, {"RUN_ID": "same"}), patience)
    assert inner.find({"RUN_ID": "same"}) is None
    assert outer.find({"RUN_ID": "same"})
    contract.set(executors=16)
    assert go(inner, patience, said, RUN_ID="same").build.url.startswith(inner.address.url)


def test_cancelled_in_the_queue(contract: Contract, job: Job, connection: Connection, patience: Patience) -> None:
    contract.set(executors=0)

    def cancel(placed: Placed) -> None:
        with pytest.raises(Exception, match="404"):  # Jenkins' answer to having done it
            connection.post(f"queue/cancelItem?id={placed.ordered.queue_id}", {})

    order = Order({"RUN_ID": "cancelled"}, {"RUN_ID": "cancelled"})
    with pytest.raises(AbortedError, match="was cancelled"):
        run(job, order, patience, 3, lambda _: None, cancel)


def test_a_queue_item_that_is_forgotten_at_once(
    contract: Contract, job: Job, patience: Patience, said: list[str]
) -> None:
    """Then only the builds know, by queueId."""
    contract.set(memory=0.0)
    assert go(job, patience, said, RUN_ID="forgotten item").outcome is Outcome.PASSED


def test_a_deadline_leaves_the_build(connection: Connection, job: Job, patience: Patience, said: list[str]) -> None:
    with pytest.raises(AbortedError, match="still building; it goes on without us"):
        go(job, short(0.2), said, RUN_ID="long", SECONDS="600")
    found = place(job, Order({}, {"RUN_ID": "long"}), patience)
    assert found.build
    assert found.build.building
    connection.post(job.address.path(f"{found.ordered.number}/stop"), {})
    assert outcome(job, follow(job, found.ordered.number, patience, said.append), patience) is Outcome.ABORTED


def test_too_long_without_an_answer(contract: Contract, credentials: Credentials) -> None:
    connection = Connection(contract.url, credentials, replace(PACE, answer=0.1))
    contract.fault("slow", path="queue", seconds=0.4)
    with pytest.raises(UnreachableError, match="it took too long"):
        connection.json("queue/")
    connection.close()


def test_who_asks_us_to_wait_is_heard(contract: Contract, job: Job, said: list[str]) -> None:
    slept: list[float] = []
    patience = Patience(1000.0, PACE, clock=lambda: 0.0, sleep=slept.append)
    contract.fault("503", path="/nightly/api", seconds=7)
    assert patience.insist("look", lambda: job.check(set()))
    assert slept == [7.0]


def test_secrets_stay_out_of_addresses_and_errors(contract: Contract, credentials: Credentials, job: Job) -> None:
    assert TOKEN not in repr(credentials)
    place(job, Order({"TOKEN": "geheim"}, {"TOKEN": "geheim"}), Patience(time.monotonic() + LONG, PACE))
    assert not any("geheim" in entry["query"] for entry in contract.journal)


def test_half_a_credential() -> None:
    with pytest.raises(UsageError, match="JENKINS_USER_ID is set, JENKINS_API_TOKEN is not"):
        Credentials.of({"JENKINS_USER_ID": "maria"})
    assert Credentials.of({}) is None


@pytest.fixture
def anonymous(contract: Contract) -> Iterator[Connection]:
    made = Connection(contract.url, None, PACE)
    yield made
    made.close()


def test_without_credentials(anonymous: Connection) -> None:
    with pytest.raises(Exception, match=r"403: Authentication required; set JENKINS_USER_ID and JENKINS_API_TOKEN"):
        anonymous.json("queue/")
