"""What goes wrong on the way, on demand: each fault meets the next requests that fit it, a number of times.

``before`` is a proxy that never handed the request over; ``after`` is one that lost the answer, so that Jenkins did what it was asked to.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Fault:
    """One thing that goes wrong."""

    kind: str
    """A status (302 leads to https), cut, slow, late (a proxy hands it over so), no-location,
    expire (web sessions), crash (this server), kill (``pid``)."""
    when: str = "before"
    method: str = ""
    path: str = ""
    """A regular expression that is found in the path."""
    skip: int = 0
    """So many fitting requests pass first."""
    times: int = 1
    seconds: float = 0.0
    pid: int = 0

    def meets(self, request: web.Request) -> bool:
        """Whether it strikes now; counts."""
        if self.method not in ("", request.method) or not re.search(self.path, request.path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return self.times >= 0


@dataclass
class Faults:
    """All of them, and every request that came."""

    pending: list[Fault] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    forget_sessions: Callable[[], None] = lambda: None

    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle the request, or do to it what the faults say."""
        entry = {"method": request.method, "path": request.path, "query": request.query_string}
        self.journal.append(entry)
        struck = [fault for fault in self.pending if fault.meets(request)]
        for fault in struck:
            if fault.when == "before" and (answer := await self._strike(fault, request)):
                return answer
        response = await handler(request)
        entry["status"] = response.status
        for fault in struck:
            if fault.when == "after" and (answer := await self._strike(fault, request)):
                return answer
            if fault.kind == "no-location":
                response.headers.popall("Location", None)
        return response

    async def _strike(self, fault: Fault, request: web.Request) -> web.StreamResponse | None:
        if fault.kind == "302":
            return web.Response(status=302, headers={"Location": f"https://{request.host}{request.path}"})
        if fault.kind.isdigit():
            await request.read()
            headers = {"Retry-After": str(fault.seconds)} if fault.seconds else {}
            return web.Response(status=int(fault.kind), text="<html><h1>Bad Gateway</h1></html>", headers=headers)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "late":
            await request.post()  # a proxy that has all of it, and takes its time
            self.journal.append({"method": "PROXY", "path": request.path, "query": ""})
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "expire":
            self.forget_sessions()
        elif fault.kind == "crash":
            os._exit(1)
        elif fault.kind == "kill":
            os.kill(fault.pid, signal.SIGKILL)
        if fault.kind in ("cut", "kill") and request.transport:
            request.transport.abort()
            return web.Response(status=500)
        return None
