"""Three clients by other people use the contract server in one way and see one thing: that is what it is worth.

They also show what it has to be patient about: where python-jenkins gives up, ours (see the other tests) does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import api4jenkins
import api4jenkins.exceptions
import pytest
import requests
from jenkinsapi.custom_exceptions import JenkinsAPIException
from jenkinsapi.jenkins import Jenkins as JenkinsApi

import jenkins
from harness.publishing.api import Publication
from harness.publishing.archive import pack
from harness.publishing.ingest import JOB

from .contract.running import Contract
from .contract.security import PASSWORD, TOKEN, USER


@dataclass(frozen=True)
class Seen:
    """A build, as a client sees it."""

    number: int
    queue_id: int
    result: str | None
    display_name: str
    description: str | None
    parameters: dict[str, str | None]
    log: list[str]
    tests: list[tuple[str, str, str]] | None


class Client(Protocol):
    """What tests ask of each of the three."""

    def order(self, job: str, parameters: dict[str, str], file: Path | None = None) -> int: ...

    def number(self, job: str, queue_id: int) -> int | None: ...

    def see(self, job: str, number: int) -> Seen: ...

    def describe(self, job: str, number: int, text: str) -> None: ...

    def close(self) -> None: ...


class PythonJenkins:
    """requests; whole answers."""

    refusal = jenkins.JenkinsException
    forgotten = jenkins.JenkinsException

    def __init__(self, url: str, secret: str) -> None:
        self._jenkins = jenkins.Jenkins(url, USER, secret, timeout=60)

    def order(self, job: str, parameters: dict[str, str], file: Path | None = None) -> int:
        if file:
            pytest.skip("it has no file parameters")
        return int(self._jenkins.build_job(job, parameters))

    def number(self, job: str, queue_id: int) -> int | None:
        return (self._jenkins.get_queue_item(queue_id).get("executable") or {}).get("number")

    def see(self, job: str, number: int) -> Seen:
        raw = self._jenkins.get_build_info(job, number)
        report = self._jenkins.get_build_test_report(job, number)
        return Seen(
            raw["number"], raw["queueId"], raw["result"], raw["displayName"], raw["description"],
            {item["name"]: item.get("value") for item in raw["actions"][0]["parameters"]},
            self._jenkins.get_build_console_output(job, number).splitlines(),
            report and _tests(report["suites"]),
        )  # fmt: skip

    def describe(self, job: str, number: int, text: str) -> None:
        path = f"{self._jenkins.server}job/{job}/{number}/submitDescription"
        self._jenkins.jenkins_open(requests.Request("POST", path, data={"description": text}))

    def close(self) -> None:
        self._jenkins._session.close()


class Api4Jenkins:
    """httpx; objects whose attributes are requests."""

    refusal = PermissionError
    forgotten = api4jenkins.exceptions.ItemNotFoundError

    def __init__(self, url: str, secret: str) -> None:
        self._jenkins = api4jenkins.Jenkins(url, auth=(USER, secret))
        self._items: dict[int, Any] = {}

    def order(self, job: str, parameters: dict[str, str], file: Path | None = None) -> int:
        with ExitStack() as opened:
            files = {"ARCHIVE": opened.enter_context(file.open("rb"))} if file else {}
            item = self._jenkins.build_job(job, **parameters, **files)
        self._items[item.id] = item
        return int(item.id)

    def number(self, job: str, queue_id: int) -> int | None:
        item = self._items[queue_id]
        item._build = None  # it would not ask again
        build = item.get_build()
        return build and build.number

    def see(self, job: str, number: int) -> Seen:
        build = self._jenkins.get_job(job).get(number) or self._by_name(job, number)
        report = build.get_test_report()
        return Seen(
            build.number, build.queue_id, build.result, build.display_name, build.description,
            {item.name: item.value if "String" in item.class_name else None for item in build.get_parameters()},
            list(build.console_text()),
            report and [(case.class_name, case.name, case.status) for suite in report for case in suite],
        )  # fmt: skip

    def _by_name(self, job: str, number: int) -> Any:
        return next(build for build in self._jenkins.get_job(job) if build.number == number)

    def describe(self, job: str, number: int, text: str) -> None:
        self._by_name(job, number).set_description(text)

    def close(self) -> None:
        self._jenkins.http_client.close()


class JenkinsApiClient:
    """requests; the Python API, whole objects."""

    forgotten = requests.HTTPError

    def __init__(self, url: str, secret: str) -> None:
        self._jenkins = JenkinsApi(url.rstrip("/"), USER, secret, timeout=60)
        self._items: dict[int, Any] = {}

    def order(self, job: str, parameters: dict[str, str], file: Path | None = None) -> int:
        with ExitStack() as opened:
            files = {"ARCHIVE": opened.enter_context(file.open("rb"))} if file else None
            item = self._jenkins[job].invoke(build_params=parameters, files=files)
        self._items[item.queue_id] = item
        return int(item.queue_id)

    def number(self, job: str, queue_id: int) -> int | None:
        self._items[queue_id].poll()
        build = self._items[queue_id]._data.get("executable")
        return build and int(build["number"])

    def see(self, job: str, number: int) -> Seen:
        build = self._jenkins[job].get_build(number)
        report = build.get_resultset() if build.has_resultset() else None
        cases = [case for _, case in report.items()] if report else []
        return Seen(
            build.get_number(), build._data["queueId"], build.get_status(), build._data["displayName"],
            build.get_description(), build.get_params(), build.get_console().splitlines(),
            [(case.className, case.name, case.status) for case in cases] if report else None,
        )  # fmt: skip

    def describe(self, job: str, number: int, text: str) -> None:
        self._jenkins[job].get_build(number).set_description(text)

    def close(self) -> None:
        self._jenkins.requester.session.close()


CLIENTS: tuple[Callable[[str, str], Client], ...] = (PythonJenkins, Api4Jenkins, JenkinsApiClient)


def _tests(suites: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(case["className"], case["name"], case["status"]) for suite in suites for case in suite["cases"]]


@pytest.fixture(params=[TOKEN, PASSWORD], ids=["token", "password"])
def clients(contract: Contract, request: pytest.FixtureRequest) -> Iterator[list[Client]]:
    made = [kind(contract.url, request.param) for kind in CLIENTS]
    yield made
    for client in made:
        client.close()


def _built(client: Client, job: str, queue_id: int) -> int:
    until = time.monotonic() + 60
    while not (number := client.number(job, queue_id)):
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.1)  # every build of these tests has ended by then
    return number


@pytest.mark.parametrize("which", range(3), ids=["python-jenkins", "api4jenkins", "jenkinsapi"])
def test_what_one_orders_all_see_alike(contract: Contract, clients: list[Client], which: int) -> None:
    orderer = clients[which]
    given = {"RUN_ID": f"größe & 50 % {which}", "LINES": "2", "RESULT": "UNSTABLE", "TOKEN": "geheim"}
    number = _built(orderer, "nightly", orderer.order("nightly", given))
    orderer.describe("nightly", number, f"said by {which}")
    seen = [client.see("nightly", number) for client in clients]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0].result == "UNSTABLE"
    assert seen[0].description == f"said by {which}"
    assert seen[0].parameters == {**given, "SECONDS": "0.05", "TESTS": "", "TOKEN": None}
    assert seen[0].log[1:] == ["line 0 — grüße ☃", "line 1 — grüße ☃", "Finished: UNSTABLE"]
    assert contract.counts()[given["RUN_ID"]] in (1, 2)  # once for a token, once for a password


@pytest.mark.parametrize("which", range(3), ids=["python-jenkins", "api4jenkins", "jenkinsapi"])
def test_an_archive_becomes_test_results_for_all(
    clients: list[Client], which: int, make: Callable[[], Publication], tmp_path: Path
) -> None:
    told = make()
    archive = pack(told.folder, tmp_path / "run.zip", "reports")
    given = {"RUN_ID": told.run, "DISPLAY_NAME": told.display_name, "DESCRIPTION": told.description}
    number = _built(clients[which], JOB, clients[which].order(JOB, given, archive))
    seen = [client.see(JOB, number) for client in clients]
    assert seen[0] == seen[1] == seen[2]
    assert (seen[0].display_name, seen[0].description) == (told.display_name, told.description)
    assert seen[0].tests
    assert sum(status == "FAILED" for _, _, status in seen[0].tests) == 1


def test_a_job_in_a_folder(contract: Contract) -> None:
    """jenkinsapi finds jobs of folders by other names only."""
    for kind in (PythonJenkins, Api4Jenkins):
        client = kind(contract.url, TOKEN)
        number = _built(client, "team/nightly", client.order("team/nightly", {"RUN_ID": "folder"}))
        assert client.see("team/nightly", number).parameters["RUN_ID"] == "folder"
        client.close()


def test_an_expired_session_makes_crumbs_stale(contract: Contract) -> None:
    """But not for those with a token; and only jenkinsapi asks for a fresh crumb by itself."""
    for kind in CLIENTS:
        client = kind(contract.url, TOKEN)
        client.order("nightly", {"RUN_ID": "token"})
        contract.fault("expire", method="POST", path="build")
        client.order("nightly", {"RUN_ID": "token"})
        client.close()
    assert contract.counts()["token"] == 6
    for refusing in (PythonJenkins, Api4Jenkins):
        client = refusing(contract.url, PASSWORD)
        client.order("nightly", {"RUN_ID": "password"})
        contract.fault("expire", method="POST", path="build")
        with pytest.raises(refusing.refusal, match="403"):
            client.order("nightly", {"RUN_ID": "password"})
        client.close()
    asking = JenkinsApiClient(contract.url, PASSWORD)
    asking.order("nightly", {"RUN_ID": "password"})
    contract.fault("expire", method="POST", path="build")
    asking.order("nightly", {"RUN_ID": "password"})
    asking.close()
    assert contract.counts()["password"] == 4


def test_a_wrong_password_is_told_to_all(contract: Contract) -> None:
    with pytest.raises(jenkins.JenkinsException, match="401"):
        PythonJenkins(contract.url, "wrong").order("nightly", {"RUN_ID": "x"})
    with pytest.raises(api4jenkins.exceptions.AuthenticationError):
        Api4Jenkins(contract.url, "wrong").order("nightly", {"RUN_ID": "x"})
    with pytest.raises((JenkinsAPIException, requests.HTTPError), match="401"):
        JenkinsApiClient(contract.url, "wrong")


def test_what_left_the_queue_long_ago_is_forgotten_for_all(contract: Contract, clients: list[Client]) -> None:
    ids = [client.order("nightly", {"RUN_ID": "forgotten"}) for client in clients]
    for client, queue_id in zip(clients, ids, strict=True):
        _built(client, "nightly", queue_id)
    contract.set(memory=0.0)
    for client, queue_id in zip(clients, ids, strict=True):
        with pytest.raises(client.forgotten):  # type: ignore[attr-defined]
            client.number("nightly", queue_id)


def test_progressive_logs(contract: Contract) -> None:
    orderer = Api4Jenkins(contract.url, TOKEN)
    number = orderer.number(
        "nightly", orderer.order("nightly", {"RUN_ID": "a log read by others", "SECONDS": "0.3", "LINES": "5"})
    )
    other = JenkinsApi(contract.url.rstrip("/"), USER, TOKEN)
    streamed = "".join(other["nightly"].get_build(number).stream_logs(0.05)).splitlines()
    progressive = list(orderer._by_name("nightly", number or 0).progressive_output())
    assert streamed == progressive == orderer.see("nightly", number or 0).log
    other.requester.session.close()
    orderer.close()


def test_an_answer_without_a_location_is_none_for_python_jenkins(contract: Contract) -> None:
    client = PythonJenkins(contract.url, TOKEN)
    contract.fault("no-location", path="build")
    with pytest.raises(jenkins.EmptyResponseException):
        client.order("nightly", {"RUN_ID": "nowhere"})
    assert contract.counts()["nowhere"] == 1
    client.close()
