"""``/localazure/...``: what only the owner of this server may ask, for tests and the command line."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web

from harness.errors import HarnessError
from harness.localazure.ailments import Ailments
from harness.localazure.arm.buckets import Buckets
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.faults.codes import CODES
from harness.localazure.arm.faults.faults import Faults
from harness.localazure.arm.faults.kinds import KINDS
from harness.localazure.arm.front import Front
from harness.localazure.arm.journal import Journal
from harness.localazure.identity.tokens import Tokens


class Owner:
    """The owner's requests; they need a token of the owner, or the client secret as bearer."""

    def __init__(
        self,
        front: Front,
        journal: Journal,
        faults: Faults,
        buckets: Buckets,
        tokens: Tokens,
        client_secret: str,
        stop: Callable[[bool], None],
    ) -> None:
        self._front = front
        self._ailments = Ailments(front.engine)
        self._journal = journal
        self._faults = faults
        self._buckets = buckets
        self._tokens = tokens
        self._secret = client_secret
        self._stop = stop

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request below ``/localazure``."""
        try:
            self._require_owner(request)
            return web.json_response(await self._answer(request, await _json(request)))
        except ArmError as error:
            return web.json_response({"error": error.error()}, status=error.status)
        except HarnessError as error:
            failed = ArmError(500, "InternalExecutionError", str(error))
            return web.json_response({"error": failed.error()}, status=failed.status)

    async def _answer(self, request: web.Request, body: Any) -> Any:
        match request.method, request.match_info["what"]:
            case "GET", "journal":
                return {"value": self._entries(request)}
            case "GET", "faults":
                return {"value": self._faults.pending()}
            case "POST", "faults":
                return {"added": len(self._faults.add(body))}
            case "DELETE", "faults":
                self._faults.clear()
                return {}
            case "GET", "kinds":
                return {"value": list(_kinds())}
            case "GET", "machines":
                return {"value": self._ailments.listed()}
            case "POST", "machines":
                return await self._ailments.change(body)
            case "GET", "config":
                return self._configure({})
            case "POST", "config":
                return self._configure(body)
            case "POST", "shutdown":
                self._stop(request.query.get("clear", "").lower() in ("true", "1"))
                return {}
        raise ArmError(
            404,
            "NotFound",
            f"{request.method} {request.path}: there are journal, faults, kinds, machines, config and shutdown.",
        )

    def _entries(self, request: web.Request) -> list[dict[str, Any]]:
        query = request.query
        try:
            return self._journal.find(
                method=query.get("method", ""),
                path=query.get("path", ""),
                since=float(query.get("since", "0")),
                until=float(query.get("until", "inf")),
                after=int(query.get("after", "0")),
            )
        except ValueError as error:
            raise invalid(f"since, until and after are numbers, path is a regular expression: {error}.") from error

    def _configure(self, body: Any) -> dict[str, Any]:
        """``page_size``, ``quota`` (see ``Limits``), ``rates`` (see ``Buckets``), ``secret_expires`` (Unix time, 0 for never)."""
        known = {"page_size", "quota", "rates", "secret_expires"}
        if not isinstance(body, dict) or (unknown := set(body) - known):
            given = unknown if isinstance(body, dict) else body
            raise invalid(f"Configuration is an object of {', '.join(sorted(known))}, not {given}.")
        if "page_size" in body:
            self._front.page_size = max(1, int(body["page_size"]))
        if "quota" in body:
            self._front.engine.limits.set(body["quota"])
        if "rates" in body:
            self._buckets.set(body["rates"])
        if "secret_expires" in body:
            self._tokens.secret_expires = float(body["secret_expires"])
        return {
            "page_size": self._front.page_size,
            "quota": self._front.engine.limits.shown(),
            "rates": self._buckets.sizes,
            "secret_expires": self._tokens.secret_expires,
        }

    def _require_owner(self, request: web.Request) -> None:
        authorization = request.headers.get("Authorization", "")
        if hmac.compare_digest(authorization.encode(), f"Bearer {self._secret}".encode()):
            return
        if not self._tokens.check(authorization).owner:
            raise ArmError(403, "AuthorizationFailed", "Only the owner of this server may do that.")


def _kinds() -> Iterator[dict[str, str]]:
    """What a fault's ``kind`` may be, for people to choose from."""
    for kind in KINDS.values():
        yield {"kind": kind.name, "does": kind.does, "call": kind.call}
    for code in CODES.values():
        when = "accepted, then fails" if code.accepted else "refused"
        yield {"kind": code.name, "does": f"{code.status}, {when}: {code.message}", "call": code.call}


async def _json(request: web.Request) -> Any:
    raw = await request.read() if request.can_read_body else b""
    try:
        return json.loads(raw) if raw else {}
    except ValueError as error:
        raise invalid(f"The body is not JSON: {error}.", "InvalidRequestContent") from error
