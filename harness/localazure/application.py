"""HTTP around ARM: who asks, faults, journal, headers, error bodies; and ``/localazure`` for tests and the command line."""

from __future__ import annotations

import asyncio
import hmac
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
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.faults import Fault, Faults
from harness.localazure.arm.front import Front, Request
from harness.localazure.arm.journal import Entry, Journal
from harness.localazure.arm.store import Store
from harness.localazure.discovery import Discovery
from harness.localazure.identity.access import authorize
from harness.localazure.identity.oauth import add_oauth
from harness.localazure.identity.tokens import Principal, Tokens
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
        tokens: Tokens,
        secrets: Secrets,
        discovery: Discovery,
        stop: Callable[[bool], None],
        console: Callable[[str], Path],
    ) -> None:
        self.front = front
        self.store = store
        self.journal = journal
        self.tokens = tokens
        self.secrets = secrets
        self.faults = Faults()
        self.stop = stop
        self.console = console
        self.web = web.Application(client_max_size=MAX_BODY)
        self.web.router.add_get("/metadata/endpoints", discovery.endpoints)
        self.web.router.add_get("/localazure/health", self._health)
        self.web.router.add_get("/localazure/console/{key}", self._console)
        self.web.router.add_route("*", "/localazure/{what}", self._own)
        add_oauth(self.web, tokens, secrets.client_id, secrets.client_secret)
        for path in ("/subscriptions", "/subscriptions/{rest:.*}", "/tenants"):
            self.web.router.add_route("*", path, self._arm)

    async def _arm(self, request: web.Request) -> web.StreamResponse:
        began, at = time.perf_counter(), time.time()
        correlation = request.headers.get("x-ms-correlation-request-id") or str(uuid.uuid4())
        fault: Fault | None = None
        principal = Principal("", "", owner=False)
        try:
            principal = self.tokens.check(
                request.headers.get("Authorization", ""), f"{request.scheme}://{request.host}"
            )
            authorize(self.store, principal, request.method, request.path)
            fault = self.faults.take(request.method, request.path)
            if fault and (error := fault.error()):
                raise error
            if fault and fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            reply = await self.front.answer(await _read(request), fault)
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
                fault=fault.kind if fault else "",
            )
        )
        return _response(reply, correlation, request.headers.get("x-ms-client-request-id", ""))

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "resources": sum(1 for _ in self.store)})

    async def _console(self, request: web.Request) -> web.StreamResponse:
        """A machine's serial console, by a signed URL as ``retrieveBootDiagnosticsData`` gives it."""
        if not self.tokens.path_is_signed(request.path, request.query.get("sig", "")):
            raise web.HTTPForbidden(text="the signature is missing, wrong or too old")
        path = self.console(request.match_info["key"])
        return web.Response(body=path.read_bytes() if path.exists() else b"", content_type="text/plain")

    async def _own(self, request: web.Request) -> web.Response:
        """``/localazure/...``, for the owner only: with a token, or the client secret as bearer."""
        try:
            self._require_owner(request)
            body = (await _read(request)).body
            answer = self._answer_own(request, body)
        except ArmError as error:
            return web.json_response({"error": error.error()}, status=error.status)
        return web.json_response(answer)

    def _answer_own(self, request: web.Request, body: Any) -> Any:
        match request.method, request.match_info["what"]:
            case "GET", "journal":
                return {"value": self._journal(request)}
            case "GET", "faults":
                return {"value": self.faults.pending()}
            case "POST", "faults":
                added = [self.faults.add(raw) for raw in (body if isinstance(body, list) else [body])]
                return {"added": len(added)}
            case "DELETE", "faults":
                self.faults.clear()
                return {}
            case "POST", "config":
                return self._configure(body)
            case "POST", "shutdown":
                self.stop(request.query.get("clear", "").lower() in ("true", "1"))
                return {}
        raise ArmError(
            404, "NotFound", f"{request.method} {request.path}: there are journal, faults, config and shutdown."
        )

    def _journal(self, request: web.Request) -> list[dict[str, Any]]:
        query = request.query
        try:
            return self.journal.find(
                method=query.get("method", ""),
                path=query.get("path", ""),
                since=float(query.get("since", "0")),
                until=float(query.get("until", "inf")),
                after=int(query.get("after", "0")),
            )
        except ValueError as error:
            raise invalid(f"since, until and after are numbers, path is a regular expression: {error}.") from error

    def _configure(self, body: Any) -> dict[str, Any]:
        """``page_size`` (entries a page) and ``quota`` (limits by usage name)."""
        if not isinstance(body, dict) or (unknown := set(body) - {"page_size", "quota"}):
            raise invalid(
                f"Configuration is an object of page_size and quota, not {unknown if isinstance(body, dict) else body}."
            )
        if "page_size" in body:
            self.front.page_size = max(1, int(body["page_size"]))
        if "quota" in body:
            self.front.engine.quota = {str(name): int(limit) for name, limit in body["quota"].items()}
        return {"page_size": self.front.page_size, "quota": dict(self.front.engine.quota)}

    def _require_owner(self, request: web.Request) -> None:
        authorization = request.headers.get("Authorization", "")
        if hmac.compare_digest(authorization.encode(), f"Bearer {self.secrets.client_secret}".encode()):
            return
        if not self.tokens.check(authorization).owner:
            raise ArmError(403, "AuthorizationFailed", "Only the owner of this server may do that.")


async def _read(request: web.Request) -> Request:
    body: Any = {}
    if request.can_read_body and (raw := await request.read()):
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise invalid(
                f"The request content was invalid and could not be deserialized: {error}.", "InvalidRequestContent"
            ) from error
        if not isinstance(body, dict) and not request.path.startswith("/localazure"):
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
