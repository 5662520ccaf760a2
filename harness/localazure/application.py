"""HTTP around ARM: who asks, faults, journal, headers, error bodies."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from harness.errors import HarnessError
from harness.localazure.arm.api import Reply
from harness.localazure.arm.buckets import Buckets
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.faults.api import Answer, Asked, Effect, Gone, Met
from harness.localazure.arm.faults.calls import call_name, group_in, resource_at
from harness.localazure.arm.faults.faults import Faults
from harness.localazure.arm.front import Front, Request
from harness.localazure.arm.journal import Entry, Journal
from harness.localazure.arm.locations import short_name
from harness.localazure.arm.store import Store
from harness.localazure.discovery import Discovery
from harness.localazure.identity.access import authorize
from harness.localazure.identity.oauth import add_oauth
from harness.localazure.identity.tokens import Principal, Tokens
from harness.localazure.owner import Owner
from harness.localazure.state import Secrets

LOG = logging.getLogger(__name__)
MAX_BODY = 16 * 2**20
"""Bytes of a request body; ARM takes 4 MiB templates."""


class Application:
    """What both listeners, and port 8080 in each virtual network, serve."""

    def __init__(
        self,
        front: Front,
        store: Store,
        journal: Journal,
        faults: Faults,
        tokens: Tokens,
        secrets: Secrets,
        discovery: Discovery,
        stop: Callable[[bool], None],
        console: Callable[[str], Path],
        die: Callable[[], None],
    ) -> None:
        self.front = front
        self.store = store
        self.journal = journal
        self.faults = faults
        self.buckets = Buckets()
        self.tokens = tokens
        self.console = console
        self.die = die
        self.web = web.Application(client_max_size=MAX_BODY)
        self.web.router.add_get("/metadata/endpoints", discovery.endpoints)
        self.web.router.add_get("/localazure/health", self._health)
        self.web.router.add_get("/localazure/console/{key}", self._console)
        owner = Owner(front, journal, faults, self.buckets, tokens, secrets.client_secret, stop)
        self.web.router.add_route("*", "/localazure/{what}", owner.answer)
        add_oauth(self.web, tokens, secrets.client_id, secrets.client_secret)
        for path in ("/subscriptions", "/subscriptions/{rest:.*}", "/tenants"):
            self.web.router.add_route("*", path, self._arm)

    async def _arm(self, request: web.Request) -> web.StreamResponse:
        began, at = time.perf_counter(), time.time()
        correlation = request.headers.get("x-ms-correlation-request-id") or str(uuid.uuid4())
        call = call_name(self.store, request.method, request.path)
        met: Met | None = None
        principal = Principal("", "", owner=False)
        budget: dict[str, str] = {}
        try:
            principal = self.tokens.check(
                request.headers.get("Authorization", ""), f"{request.scheme}://{request.host}"
            )
            authorize(self.store, principal, request.method, request.path)
            budget = self.buckets.take(principal.name, request.method)
            asked = await _read(request)
            met = self.faults.meet(self._asked(asked, call))
            reply = await self._answer(asked, met.effect if met else Effect())
        except ArmError as error:
            reply = Reply(error.status, {"error": error.error()}, error.headers)
        except Exception as error:  # the boundary: every failure has an answer, and its trace is in the server's log
            LOG.exception("%s %s", request.method, request.path)
            kind = "InternalExecutionError" if isinstance(error, HarnessError) else "InternalServerError"
            reply = Reply(500, {"error": ArmError(500, kind, f"{type(error).__name__}: {error}").error()})
        code = reply.body["error"].get("code", "") if isinstance(reply.body, dict) and reply.status >= 400 else ""
        self.journal.add(
            Entry(
                at=at,
                method=request.method,
                path=request.path,
                query=request.query_string,
                status=reply.status,
                code=code,
                milliseconds=round((time.perf_counter() - began) * 1000, 3),
                principal=principal.name,
                client=request.headers.get("User-Agent", ""),
                correlation=correlation,
                fault=met.kind if met else "",
                call=call,
            )
        )
        reply = Reply(reply.status, reply.body, {**budget, **reply.headers})
        response = _response(reply, correlation, request.headers.get("x-ms-client-request-id", ""))
        return await self._send(request, response, met.effect if met else Effect())

    def _asked(self, request: Request, call: str) -> Asked:
        """The request, as faults look at it."""
        about = resource_at(self.store, request.path)
        known = self.store.get(about) if about else None
        location = request.body.get("location") or (known.body.get("location") if known else "")
        group = group_in(str(about)) if about else ""
        return Asked(request.method, request.path, call, group, short_name(str(location or "")))

    async def _answer(self, request: Request, effect: Effect) -> Reply:
        await asyncio.sleep(effect.wait)
        if effect.refuse:
            raise effect.refuse
        if effect.unheard:
            return Reply(503, {"error": {"code": "Unheard", "message": "The connection was closed."}})
        writes = request.method in ("PUT", "PATCH")
        if not writes:
            await self._vanish(request, effect.gone)
        reply = await self.front.answer(request, effect.making)
        if writes:
            await self._vanish(request, effect.gone)
        elif effect.making.after and request.method != "DELETE":
            raise effect.making.after
        return reply

    async def _vanish(self, request: Request, gone: Gone) -> None:
        """Somebody else deletes the resource, or its group."""
        about = resource_at(self.store, request.path)
        doomed = about.group_id if about and gone is Gone.GROUP else about
        if gone and doomed and self.store.get(doomed):
            await self.front.engine.delete(doomed, force=True)

    async def _send(self, request: web.Request, response: web.Response, effect: Effect) -> web.StreamResponse:
        """Send the answer, or as much of it as the fault lets through."""
        if effect.answer is Answer.KILLED:
            self.die()
        if effect.answer is Answer.WHOLE and not effect.unheard:
            return response
        cut = web.StreamResponse(status=response.status, headers=response.headers)
        body = bytes(response.body or b"")  # type: ignore[arg-type] # always bytes: see _response
        if effect.answer is Answer.HALF and body:
            cut.content_length = len(body)
            await cut.prepare(request)
            await cut.write(body[: len(body) // 2])
        cut.force_close()
        if request.transport:
            request.transport.close()
        return cut

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "resources": sum(1 for _ in self.store)})

    async def _console(self, request: web.Request) -> web.StreamResponse:
        """A machine's serial console, by a signed URL as ``retrieveBootDiagnosticsData`` gives it."""
        if not self.tokens.path_is_signed(request.path, request.query.get("sig", "")):
            raise web.HTTPForbidden(text="the signature is missing, wrong or too old")
        path = self.console(request.match_info["key"])
        return web.Response(body=path.read_bytes() if path.exists() else b"", content_type="text/plain")


async def _read(request: web.Request) -> Request:
    body: Any = {}
    if request.can_read_body and (raw := await request.read()):
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise invalid(
                f"The request content was invalid and could not be deserialized: {error}.", "InvalidRequestContent"
            ) from error
        if not isinstance(body, dict):
            raise invalid("The request content must be a JSON object.", "InvalidRequestContent")
    return Request(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=request.headers,
        body=body,
        base=f"{request.scheme}://{request.host}",
    )


def _response(reply: Reply, correlation: str, client_request: str) -> web.Response:
    headers = {
        "Cache-Control": "no-cache",
        "x-ms-request-id": str(uuid.uuid4()),
        "x-ms-correlation-request-id": correlation,
        **reply.headers,
    }
    if client_request:
        headers["x-ms-client-request-id"] = client_request
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    body = json.dumps(reply.body).encode()
    return web.Response(
        status=reply.status, body=body, content_type="application/json", charset="utf-8", headers=headers
    )
