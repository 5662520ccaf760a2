"""A run goes into Jenkins once, whatever happens on the way: the server counts builds by RUN_ID."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import harness.publishing
from harness.errors import AbortedError, UsageError
from harness.jenkins.address import job_address
from harness.jenkins.connection import Connection, Credentials
from harness.jenkins.errors import JenkinsError, MissingError, RefusedError, UnreachableError
from harness.jenkins.job import Job
from harness.jenkins.patience import Patience
from harness.publishing.api import Publication, Published
from harness.publishing.ingest import JOB, IngestPublisher

from .conftest import LONG, PACE, short
from .contract.running import Contract
from .contract.security import PASSWORD, READER, READER_TOKEN, TOKEN, USER
from .killing import in_a_child

Make = Callable[[], Publication]
ORDER = {"method": "POST", "path": "buildWithParameters"}
WITH_TOKEN, WITH_PASSWORD = Credentials(USER, TOKEN), Credentials(USER, PASSWORD)


def publish(contract: Contract, told: Publication, credentials: Credentials = WITH_TOKEN, **pace: float) -> Published:
    address = job_address(contract.url, JOB)
    patience = Patience(time.monotonic() + LONG, replace(PACE, **pace))
    return IngestPublisher(address, credentials, patience).publish(told, lambda _: None)


def is_there(contract: Contract, told: Publication) -> None:
    """Once, whole, and named as it should be; and publishing again sends nothing."""
    contract.clear()
    again = publish(contract, told)
    assert again.already
    assert not [entry for entry in contract.journal if entry["method"] == "POST"]
    found = contract.builds(told.run)
    assert [build["result"] for build in found] == ["UNSTABLE"]
    connection = Connection(contract.url, WITH_TOKEN, PACE)
    job = Job(connection, job_address(contract.url, JOB))
    build = job.build(found[0]["number"])
    assert build
    assert again.where == build.url
    assert (build.display_name, build.description) == (told.display_name, told.description)
    assert job.failed_tests(build.number) == 1
    connection.close()


def all_arrived(contract: Contract) -> None:
    """Nothing is on its way any more: what is counted now stays."""
    until = time.monotonic() + 60
    while any(entry["method"] == "POST" and "status" not in entry for entry in contract.journal):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_run_is_published(contract: Contract, make: Make) -> None:
    told = make()
    published = publish(contract, told)
    assert not published.already
    assert published.where.startswith(f"{contract.url}job/{JOB}/")
    sent = next(entry for entry in contract.journal if entry["path"].endswith("buildWithParameters"))
    assert sent["query"] == ""  # nothing that access logs keep
    is_there(contract, told)
    assert not list(told.folder.glob(".published.zip*"))


FAULTS: dict[str, dict[str, Any]] = {
    "a stale crumb": {"kind": "expire", **ORDER},
    "502 by a proxy": {"kind": "502", **ORDER},
    "502 although it arrived": {"kind": "502", "when": "after", **ORDER},
    "503 while starting": {"kind": "503", "times": 3},
    "429 of a proxy": {"kind": "429", **ORDER},
    "cut before it arrived": {"kind": "cut", **ORDER},
    "cut after it arrived": {"kind": "cut", "when": "after", **ORDER},
    "cut twice after it arrived": {"kind": "cut", "when": "after", "times": 2, **ORDER},
    "no Location": {"kind": "no-location", **ORDER},
    "502 of the crumb": {"kind": "502", "path": "crumbIssuer"},
    "cut queue": {"kind": "cut", "path": "queue/item", "times": 2},
    "cut log": {"kind": "cut", "when": "after", "path": "progressiveText", "times": 2},
    "502 of the build": {"kind": "502", "path": "/[a-z-]*ingest/[0-9]+/api", "times": 2},
    "crash before the order": {"kind": "crash", **ORDER},
    "crash after the order": {"kind": "crash", "when": "after", **ORDER},
    "crash in the log": {"kind": "crash", "path": "progressiveText"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_once_whatever_happens(contract: Contract, make: Make, fault: dict[str, Any]) -> None:
    told = make()
    credentials = WITH_PASSWORD  # the harder case: with crumbs
    contract.fault(**fault)
    with contract.reviving():
        publish(contract, told, credentials)
        is_there(contract, told)


def test_a_queue_that_a_crash_has_emptied(contract: Contract, make: Make) -> None:
    """Jenkins had said 201, was killed before it had saved its queue, and knows nothing of the order."""
    told = make()
    contract.set(quiet=30.0)
    contract.fault("crash", path="queue/item")
    with contract.reviving():
        publish(contract, told)  # a fresh server has no quiet period
        is_there(contract, told)


def test_a_restart_while_it_waits_in_the_queue(contract: Contract, make: Make) -> None:
    told, results = make(), []
    contract.set(quiet=0.5)
    thread = threading.Thread(target=lambda: results.append(publish(contract, told, WITH_PASSWORD)))
    thread.start()
    while thread.is_alive() and not any("queue/item" in entry["path"] for entry in contract.journal):
        time.sleep(0.02)
    contract.restart()
    thread.join()
    assert not results[0].already
    is_there(contract, told)


def test_a_proxy_that_hands_over_late(contract: Contract, make: Make) -> None:
    """The client has given up, has looked and found nothing; then the order arrives after all."""
    told = make()
    contract.fault("late", seconds=0.6, **ORDER)
    publish(contract, told, answer=0.3, settle=10.0)
    all_arrived(contract)
    is_there(contract, told)


def test_a_queue_item_that_is_forgotten_at_once(contract: Contract, make: Make) -> None:
    told = make()
    contract.set(memory=0.0)
    publish(contract, told)
    is_there(contract, told)


def test_published_by_another_copy_of_the_run(contract: Contract, make: Make, tmp_path: Path) -> None:
    """State in the folder saves questions only: without it, Jenkins is asked."""
    told = make()
    publish(contract, told)
    (told.folder / ".published.json").unlink()
    is_there(contract, told)


def test_a_run_without_junit_sends_nothing(contract: Contract, make: Make) -> None:
    told = make()
    for path in (told.folder / "artifacts").glob("junit_*.xml"):
        path.unlink()
    with pytest.raises(UsageError, match="has no JUnit files"):
        publish(contract, told)
    assert contract.builds(told.run) == []
    assert not [entry for entry in contract.journal if entry["method"] == "POST"]


def test_no_jenkins_at_all(contract: Contract, make: Make) -> None:
    told = make()
    address = job_address("http://127.0.0.1:1/job/ingest/")
    with pytest.raises(UnreachableError, match="no connection") as caught:
        IngestPublisher(address, WITH_TOKEN, short(0.3)).publish(told, lambda _: None)
    assert "tried" in str(caught.value)


def test_wrong_credentials_and_jobs_are_told_at_once(contract: Contract, make: Make) -> None:
    told = make()
    with pytest.raises(RefusedError, match="401"):
        publish(contract, told, Credentials(USER, "wrong"))
    for path, kind in (("job/nowhere", MissingError), ("job/plain", UsageError), ("job/nightly", UsageError)):
        publisher = IngestPublisher(
            job_address(contract.url + path), WITH_TOKEN, Patience(time.monotonic() + LONG, PACE)
        )
        with pytest.raises(kind):
            publisher.publish(told, lambda _: None)
    assert contract.builds(told.run) == []


def test_what_the_job_did_not_name_is_named_from_here(contract: Contract, make: Make) -> None:
    """If we may; who may not has published all the same, and is told."""
    told = make()
    contract.set(names=False)
    publish(contract, told, WITH_PASSWORD)
    is_there(contract, told)
    other, said = make(), []
    contract.set(names=False)
    address, patience = job_address(contract.url, JOB), Patience(time.monotonic() + LONG, PACE)
    IngestPublisher(address, Credentials(READER, READER_TOKEN), patience).publish(other, said.append)
    assert said[-1].endswith("HTTP 403: reader is missing the Run/Update permission")
    assert [build["result"] for build in contract.builds(other.run)] == ["UNSTABLE"]


def test_a_deadline(contract: Contract, make: Make) -> None:
    told = make()
    contract.set(executors=0)
    publisher = IngestPublisher(job_address(contract.url, JOB), WITH_TOKEN, short(0.3))
    with pytest.raises(AbortedError, match="the deadline; last seen: Waiting for next available executor"):
        publisher.publish(told, lambda _: None)
    contract.set(executors=16)
    publish(contract, told)
    is_there(contract, told)


STEPS = tuple(Path(harness.publishing.__file__).with_name(name) for name in ("ingest.py", "state.py"))


@pytest.mark.parametrize("first", [1, 2], ids=["odd", "even"])
def test_killed_between_any_two_steps(contract: Contract, make: Make, first: int) -> None:
    told = make()
    _, lines = in_a_child(lambda: publish(contract, told), STEPS)
    assert lines > 50
    runs = []
    for line in range(first, lines, 2):
        told = make()
        killed, _ = in_a_child(lambda told=told: publish(contract, told, settle=0.1), STEPS, line)
        assert killed == signal.SIGKILL
        publish(contract, told, settle=0.1)
        runs.append(told.run)
    counts = contract.counts()
    assert {run: counts[run] for run in runs if counts[run] != 1} == {}
    is_there(contract, told)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_in_any_request(contract: Contract, make: Make, when: str) -> None:
    """After: Jenkins has done it, and nobody has heard the answer."""
    publish(contract, make())
    requests = len(contract.journal)
    runs = []
    for skip in range(requests):
        told = make()
        child = os.fork()
        if child == 0:
            contract.fault("kill", when, pid=os.getpid(), skip=skip)
            publish(contract, told, settle=0.1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or skip >= requests - 2
        contract.clear()
        publish(contract, told, settle=0.1)
        runs.append(told.run)
    counts = contract.counts()
    assert {run: counts[run] for run in runs if counts[run] != 1} == {}


def test_killed_while_a_proxy_still_has_the_order(contract: Contract, make: Make) -> None:
    """Nothing is in Jenkins yet when it is typed again; that an order was under way is written down."""
    told = make()
    contract.fault("late", seconds=0.5, **ORDER)
    child = os.fork()
    if child == 0:
        publish(contract, told)
        os._exit(0)
    while not any(entry["method"] == "PROXY" for entry in contract.journal):
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    publish(contract, told, settle=10.0)
    all_arrived(contract)
    is_there(contract, told)


def test_two_at_the_same_moment(contract: Contract, make: Make) -> None:
    told = make()
    threads = [threading.Thread(target=publish, args=(contract, told)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    is_there(contract, told)


def test_an_archive_that_the_job_cannot_read(contract: Contract, make: Make) -> None:
    """The error has the end of the build's log; the next attempt is a new build."""
    told = make()
    contract.set(torn=True)
    with pytest.raises(JenkinsError, match="it ended as FAILURE") as caught:
        publish(contract, told)
    assert "unzip: File is not a zip file" in caught.value.log_tail
    contract.set(torn=False)
    publish(contract, told)
    assert [build["result"] for build in contract.builds(told.run)] == ["FAILURE", "UNSTABLE"]
