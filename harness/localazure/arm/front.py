"""ARM's front: one request in, one answer out, for everything below ``/subscriptions``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from harness.localazure.arm.api import Body, Call, Reply
from harness.localazure.arm.engine import Engine
from harness.localazure.arm.errors import ArmError, group_not_found
from harness.localazure.arm.faults.api import Making
from harness.localazure.arm.faults.calls import POLL
from harness.localazure.arm.ids import GROUP_TYPE, RESOURCES, ResourceId, Target, parse_path
from harness.localazure.arm.operations import PACE, Operations
from harness.localazure.arm.paging import page
from harness.localazure.arm.registry import Registry
from harness.localazure.arm.store import Resource

PAGE = 1000
"""Entries a page, unless configured otherwise."""
_AS_USUAL = Making()


@dataclass(frozen=True)
class Request:
    """An HTTP request, reduced to what ARM looks at."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body
    base: str
    """Scheme and host, as the client wrote them."""


class Front:
    """Dispatches requests to the engine."""

    def __init__(self, engine: Engine, types: Registry, operations: Operations) -> None:
        self.engine = engine
        self.types = types
        self.operations = operations
        self.page_size = PAGE

    async def answer(self, request: Request, making: Making = _AS_USUAL) -> Reply:
        """Answer; raises ``ArmError``. ``making`` is what a fault does to the making of what is written."""
        if poll := POLL.fullmatch(request.path):
            return await self._poll(request, "status" if poll[1] else "result", poll[3])
        if found := self.types.route(request.method, request.path):
            route, parts = found
            reply = await route.answer(self.engine, _call(request, parts))
            return self._paged(request, reply)
        target = parse_path(request.path)
        if target.tail or target.namespace:
            return await self._tail(request, target)
        match request.method:
            case "GET":
                return await self._get(request, target.id)
            case "HEAD":
                self.engine.require(target.id)
                return Reply(204)
            case "PUT" | "PATCH":
                return await self._put(request, target.id, making)
            case "DELETE":
                return await self._delete(request, target.id, making)
        raise _unsupported(request)

    async def _get(self, request: Request, resource_id: ResourceId) -> Reply:
        view = self.engine.read(resource_id)
        if wanted := request.query.get("$expand", "").lower():
            kind = self.types.find(resource_id.type)
            if kind and (expand := kind.expand.get(wanted)):
                await expand(self.engine, self.engine.require(resource_id), view)
        return Reply(200, view)

    async def _put(self, request: Request, resource_id: ResourceId, making: Making) -> Reply:
        kind = self.types.find(resource_id.type)
        existed = self._exists(resource_id)
        accepted: asyncio.Future[Resource] = asyncio.get_running_loop().create_future()
        work = self.engine.put(
            resource_id,
            request.body,
            if_match=request.headers.get("If-Match", ""),
            if_none_match=request.headers.get("If-None-Match", ""),
            patch=request.method == "PATCH",
            accepted=accepted,
            making=making,
        )
        if kind and (making.polled or "PUT" in kind.background):
            name = self.operations.start(work, str(resource_id), request.method)
            await asyncio.wait([accepted, self.operations.task(name)], return_when=asyncio.FIRST_COMPLETED)
            if not accepted.done():
                self.operations.task(name).result()
            status = 202 if request.method == "PATCH" else 200 if existed else 201
            return Reply(status, self.engine.read(resource_id), self._headers(request, resource_id, name))
        await work
        return Reply(200 if existed else kind.created if kind else 201, self.engine.read(resource_id))

    async def _delete(self, request: Request, resource_id: ResourceId, making: Making) -> Reply:
        kind = self.types.find(resource_id.type)
        group = resource_id.type == GROUP_TYPE
        if not self._exists(resource_id):
            if group:
                raise group_not_found(resource_id.name)
            self.engine.require_group(resource_id)
            if not kind and not self.types.inline_place(resource_id.type):
                self.types.require(resource_id.type)
            return Reply(204)
        accepted: asyncio.Future[Resource] = asyncio.get_running_loop().create_future()
        if_match = request.headers.get("If-Match", "")
        work = self.engine.delete(resource_id, if_match=if_match, accepted=accepted, making=making)
        if kind and (making.polled or "DELETE" in kind.background):
            name = self.operations.start(work, str(resource_id), "DELETE")
            await asyncio.wait([accepted, self.operations.task(name)], return_when=asyncio.FIRST_COMPLETED)
            if not accepted.done():
                self.operations.task(name).result()
            headers = self._headers(request, resource_id, name)
            if group:
                headers.pop("Azure-AsyncOperation")
            return Reply(202, None, headers)
        await work
        return Reply(200)

    async def _tail(self, request: Request, target: Target) -> Reply:
        """An action, or a collection."""
        if not target.namespace:
            kind = self.types.find(target.id.type)
            if kind and (action := kind.actions.get(target.tail.lower())):
                return self._paged(
                    request, await action(self.engine, self.engine.require(target.id), _call(request, {}))
                )
        if request.method != "GET" or not target.tail:
            raise _unsupported(request)
        return self._paged(request, Reply(200, {"value": self._list(target)}))

    def _list(self, target: Target) -> list[Body]:
        self.engine.require_group(target.id)
        if target.namespace:
            name = f"{target.namespace}/{target.tail}"
        elif target.tail == "resourceGroups":
            name = GROUP_TYPE
        else:
            name = f"{target.id.type}/{target.tail}"
            if (children := self.engine.read_children(target.id, target.tail)) is not None:
                return children
        kind = self.types.require(name)
        below = target.id.key + "/"
        if target.id.group:
            self.engine.require(target.id)
        return [
            self.engine.show(found) for found in self.engine.store.of_type(kind.type) if found.id.key.startswith(below)
        ]

    def _paged(self, request: Request, reply: Reply) -> Reply:
        if request.method != "GET" or not isinstance(reply.body, dict) or set(reply.body) != {"value"}:
            return reply
        url = f"{request.base}{request.path}"
        return Reply(reply.status, page(reply.body["value"], url, request.query, self.page_size), reply.headers)

    def _exists(self, resource_id: ResourceId) -> bool:
        try:
            self.engine.read(resource_id)
        except ArmError:
            return False
        return True

    async def _poll(self, request: Request, kind: str, name: str) -> Reply:
        if kind == "status":
            return await self.operations.status(name, request.path)
        query = request.query.get("api-version", "")
        return await self.operations.result(name, f"{request.base}{request.path}?api-version={query}")

    def _headers(self, request: Request, resource_id: ResourceId, name: str) -> dict[str, str]:
        """Where to poll."""
        version = request.query.get("api-version", "")
        scope = f"{request.base}/subscriptions/{self.engine.subscription}"
        place = f"{scope}/providers/{resource_id.namespace}/locations/local"
        result = (
            f"{scope}/operationresults/{name}"
            if resource_id.namespace == RESOURCES
            else f"{place}/operationResults/{name}"
        )
        return {
            "Azure-AsyncOperation": f"{place}/operations/{name}?api-version={version}",
            "Location": f"{result}?api-version={version}",
            **PACE,
        }


def _call(request: Request, parts: Mapping[str, str]) -> Call:
    return Call(request.method, parts, request.query, request.body, request.base)


def _unsupported(request: Request) -> ArmError:
    return ArmError(405, "UnsupportedHttpVerb", f"{request.method} is not supported on '{request.path}'.")
