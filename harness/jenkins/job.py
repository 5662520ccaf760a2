"""A job: what was ordered of it, what it builds, and what one build says.

Facts (jenkins.io, Remote access API; hudson.model.Queue): a queue item that has left is remembered for five minutes, after which only
the build's ``queueId`` tells; an item leaves the queue and its build appears in one step, so whoever looks into the queue first and at
the builds then misses nothing. Only ``tree`` is used: ``depth`` sends everything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.jenkins.address import JobAddress
from harness.jenkins.connection import Connection
from harness.jenkins.errors import MissingError, RejectedError
from harness.jenkins.lifecycle import of_product

_BACK = 300
"""Builds that are searched: more than jobs keep."""
_ACTIONS = "actions[parameters[name,value]]"
_RESULTS = "suites[name,cases[name,status]]"
_FAILED = ("FAILED", "REGRESSION")
_BUILD = f"number,queueId,url,building,result,displayName,description,{_ACTIONS}"


@dataclass(frozen=True)
class Item:
    """An entry of the queue."""

    id: int
    why: str
    """What it waits for; empty once it has left."""
    cancelled: bool
    number: int
    """Of its build; 0 as long as there is none."""


@dataclass(frozen=True)
class Build:
    """A build."""

    number: int
    queue_id: int
    url: str
    building: bool
    result: str
    """SUCCESS, UNSTABLE, FAILURE, ABORTED, NOT_BUILT; empty while it is building."""
    display_name: str
    description: str

    @property
    def failed(self) -> bool:
        """It ended without having done its work; tests that fail are UNSTABLE."""
        return not self.building and self.result not in ("SUCCESS", "UNSTABLE")


@dataclass(frozen=True)
class Chunk:
    """A piece of a build's log."""

    data: bytes
    end: int
    """Where the next one begins."""
    more: bool


@dataclass(frozen=True)
class Ordered:
    """An order that Jenkins has: an item of its queue, and later a build."""

    queue_id: int
    number: int = 0


class Job:
    """A job of a server; each method is one request, and raises as :mod:`.errors` says."""

    def __init__(self, connection: Connection, address: JobAddress) -> None:
        self._connection = connection
        self.address = address

    def check(self, given: set[str]) -> bool:
        """Whether it takes parameters; raises ``UsageError`` if it lacks one of these."""
        tree = "property[parameterDefinitions[name]]"
        declared = [
            item["name"]
            for entry in self._read(tree).get("property", ())
            for item in entry.get("parameterDefinitions", ())
        ]
        if unknown := sorted(given - set(declared)):
            known = f"it has {', '.join(declared)}" if declared else "it has none"
            raise UsageError(f"{self.address.url} has no parameter {', '.join(unknown)}: {known}")
        return bool(declared)

    def newest(self) -> int:
        """The highest queue id so far: whatever comes from now on has a higher one."""
        ids = [int(item["id"]) for item in self._queue()]
        builds = self._read("builds[queueId]{0,1}").get("builds", ())
        return max([*ids, *(int(build.get("queueId", 0)) for build in builds)], default=0)

    def find(self, identity: Mapping[str, str], after: int = 0) -> tuple[Ordered, Build | None] | None:
        """The newest order with these parameters, unless its build has failed.

        :param after: orders with a queue id up to this do not count.
        """
        for raw in self._queue():
            if int(raw["id"]) > after and _has(raw, identity):
                return Ordered(int(raw["id"])), None
        for raw in self._builds(_BUILD):
            build = _build(raw)
            if build.queue_id > after and _has(raw, identity) and not build.failed:
                return Ordered(build.queue_id, build.number), build
        return None

    def submit(self, form: Mapping[str, str], files: Mapping[str, Path], *, parameterized: bool) -> Ordered | None:
        """Order a build. Not idempotent; None if Jenkins does not say which item it became."""
        what = "buildWithParameters" if parameterized else "build"
        answer = self._connection.post(self.address.path(what), form, files)
        # behind a proxy, the address in it need not be one that we can reach
        location = answer.headers.get("Location", "")
        match = re.search(r"/queue/item/(\d+)/?$", location)
        if match is None and answer.is_redirect:
            raise RejectedError(
                f"order a build of {self.address.url}",
                last_seen=f"HTTP {answer.status_code} to {location}",
                hint="if that is Jenkins, give its address as it is there; else Jenkins takes no builds now",
            )
        return Ordered(int(match[1])) if match else None

    def item(self, queue_id: int) -> Item | None:
        """An entry of the queue; None when Jenkins has forgotten it."""
        try:
            raw = self._connection.json(f"queue/item/{queue_id}/", tree="id,why,cancelled,executable[number]")
        except MissingError:
            return None
        number = int((raw.get("executable") or {}).get("number", 0))
        return Item(queue_id, raw.get("why") or "", bool(raw.get("cancelled")), number)

    def by_queue_id(self, queue_id: int) -> Build | None:
        """The build that an item became."""
        return next((_build(raw) for raw in self._builds(_BUILD) if raw.get("queueId") == queue_id), None)

    def build(self, number: int) -> Build | None:
        """One build; None if there is none of this number."""
        try:
            return _build(self._connection.json(self.address.path(f"{number}/"), tree=_BUILD))
        except MissingError:
            return None

    def log(self, number: int, start: int) -> Chunk:
        """What the console has from this byte on; begins again where the log is shorter than that."""
        answer = self._connection.get(self.address.path(f"{number}/logText/progressiveText"), start=start)
        end = int(answer.headers.get("X-Text-Size", start + len(answer.content)))
        return Chunk(answer.content, end, answer.headers.get("X-More-Data") == "true")

    def failed_tests(self, number: int) -> int | None:
        """How many tests of the product failed, whatever else is red; None if the build has no test results."""
        try:
            raw = self._connection.json(self.address.path(f"{number}/testReport/"), tree=_RESULTS)
        except MissingError:
            return None
        return sum(
            case.get("status") in _FAILED and of_product(str(suite.get("name", "")), str(case.get("name", "")))
            for suite in raw.get("suites", ())
            for case in suite.get("cases") or ()
        )

    def describe(self, number: int, display_name: str, description: str) -> None:
        """Set what lists show of a build; the same again changes nothing."""
        submitted = json.dumps({"displayName": display_name, "description": description})
        self._connection.post(self.address.path(f"{number}/configSubmit"), {"json": submitted})

    def _read(self, tree: str) -> dict[str, Any]:
        return self._connection.json(self.address.path(""), tree=tree)

    def _queue(self) -> Iterator[dict[str, Any]]:
        """Entries of this job that wait, newest first."""
        raw = self._connection.json("queue/", tree=f"items[id,task[url],{_ACTIONS}]")
        mine = [item for item in raw.get("items", ()) if _ends(item.get("task", {}).get("url", ""), self.address)]
        yield from sorted(mine, key=lambda item: -int(item["id"]))

    def _builds(self, properties: str) -> Iterator[dict[str, Any]]:
        """Newest first."""
        yield from self._read(f"allBuilds[{properties}]{{0,{_BACK}}}").get("allBuilds", ())


def _ends(url: str, address: JobAddress) -> bool:
    """Jenkins writes its own address before it, which need not be ours."""
    before = url.removesuffix("/") + "/"
    return before.endswith("/" + address.path("")) and "/job/" not in before.removesuffix(address.path(""))


def _has(raw: Mapping[str, Any], identity: Mapping[str, str]) -> bool:
    """What a parameter's value is, is not told of passwords and files: those only have to be there."""
    found = {
        item["name"]: _text(item["value"]) if "value" in item else None
        for action in raw.get("actions", ())
        for item in (action or {}).get("parameters", ())
    }
    return all(name in found and found[name] in (None, value) for name, value in identity.items())


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _build(raw: Mapping[str, Any]) -> Build:
    return Build(
        number=int(raw["number"]),
        queue_id=int(raw.get("queueId", 0)),
        url=str(raw["url"]),
        building=bool(raw.get("building")) or not raw.get("result"),
        result=str(raw.get("result") or ""),
        display_name=str(raw.get("displayName") or ""),
        description=str(raw.get("description") or ""),
    )
