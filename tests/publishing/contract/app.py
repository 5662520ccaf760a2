"""The routes: where what is answered, and with which status and headers."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from . import export
from .beans import Beans
from .faults import Fault, Faults, Handler
from .model import Build, Model, uploads
from .security import COOKIE, FIELD, READER, Caller, Security
from .work import JOBS

VERSION = "2.541.3"
_CONTROL = "/contract/"
"""What tests ask for; no part of Jenkins."""
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Application:
    """The server's state and its handlers."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.security = Security()
        self.faults = Faults(forget_sessions=lambda: self.security.sessions.clear())

    def app(self) -> web.Application:
        made = web.Application(middlewares=[self._outer], client_max_size=1 << 28)
        made.router.add_route("*", _CONTROL + "{what}", self._control)
        made.router.add_route("*", "/{tail:.*}", self._jenkins)
        made.on_cleanup.append(self._shut_down)
        return made

    async def _shut_down(self, _: web.Application) -> None:
        self.model.save_queue()

    @web.middleware
    async def _outer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(_CONTROL):
            return await handler(request)
        return await self.faults.pass_through(request, handler)

    async def _control(self, request: web.Request) -> web.Response:
        """``builds``, ``journal``, ``faults`` (POST: add, DELETE: forget), ``settings`` (POST: change the model)."""
        self.model.advance()
        what = request.match_info["what"]
        if what == "builds":
            return web.json_response([uploads(build) for build in self.model.builds])
        if what == "journal":
            return web.json_response(self.faults.journal)
        if what == "settings":
            for name, value in (await request.json()).items():
                setattr(self.model, name, value)
        elif request.method == "POST":
            self.faults.pending.append(Fault(**await request.json()))
        elif request.method == "DELETE":
            self.faults.pending.clear()
            self.faults.journal.clear()
        return web.json_response([asdict(fault) for fault in self.faults.pending])

    async def _jenkins(self, request: web.Request) -> web.StreamResponse:
        self.model.advance()
        caller = self.security.caller(request)
        if caller is None:
            return _page(401, "Invalid password/token for user")
        response = await self._checked(request, caller)
        response.headers["X-Jenkins"] = VERSION
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.cookies.get(COOKIE) != caller.session:
            response.set_cookie(COOKIE, caller.session, httponly=True)
        return response

    async def _checked(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        if caller.name == "anonymous":
            return _page(403, "Authentication required", {"X-You-Are-Authenticated-As": "anonymous"})
        if request.method == "POST" and not self.security.allows(caller, request.headers.get(FIELD, "")):
            return _page(403, "No valid crumb was included in the request")
        parts = request.path.strip("/").split("/")
        return await self._routed(request, caller, parts)

    async def _routed(self, request: web.Request, caller: Caller, parts: list[str]) -> web.StreamResponse:
        beans = Beans(self.model, f"{request.scheme}://{request.host}/")
        bean: export.Bean | None = None
        if parts[:1] == ["crumbIssuer"]:
            bean = {"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": self.security.crumb(caller)}
            bean["crumbRequestField"] = FIELD
        elif parts[:2] == ["queue", "item"]:
            item = next((item for item in self.model.items if str(item.id) == parts[2]), None)
            bean = beans.item(item) if item else None
        elif parts[:2] == ["queue", "cancelItem"]:
            return self._cancel(request)
        elif parts[:1] == ["job"]:
            return await self._job(request, caller, beans, parts)
        else:
            found = {"queue": beans.queue, "computer": beans.computer, "me": lambda: _me(caller)}
            bean = found.get(parts[0], beans.server)()
        return _exported(request, parts, bean)

    async def _job(self, request: web.Request, caller: Caller, beans: Beans, parts: list[str]) -> web.StreamResponse:
        names = []
        while parts[:1] == ["job"]:
            names, parts = [*names, parts[1]], parts[2:]
        name = "/".join(names)
        if name not in JOBS:
            inside = any(job.startswith(f"{name}/") for job in JOBS)
            return _exported(request, parts, beans.folder(name) if inside else None)
        links = beans.permalinks(name)
        if parts and (parts[0].isdigit() or parts[0] in links):
            build = links[parts[0]] if parts[0] in links else self.model.build(name, int(parts[0]))
            return await self._build(request, caller, beans, build, parts[1:]) if build else _page(404, "Not Found")
        if parts in (["build"], ["buildWithParameters"]):
            return await self._schedule(request, caller, beans, name, parts[0])
        return _exported(request, parts, beans.job(name))

    async def _schedule(self, request: web.Request, caller: Caller, beans: Beans, name: str, how: str) -> web.Response:
        if request.method != "POST":
            return _page(405, "Method Not Allowed", {"Allow": "POST"})
        if how == "buildWithParameters" and not JOBS[name].parameters:
            return _page(400, f"{name} is not parameterized")
        form = await request.post()
        if how == "build" and JOBS[name].parameters and "json" not in form:
            return _page(400, "Nothing is submitted")
        files = {key: field.file.read() for key, field in form.items() if isinstance(field, web.FileField)}
        texts = {key: str(value) for key, value in form.items() if key not in files}
        item = self.model.schedule(name, {**request.query, **texts}, files, caller.name)
        return web.Response(status=201, headers={"Location": f"{beans.root}queue/item/{item.id}/"})

    async def _build(
        self, request: web.Request, caller: Caller, beans: Beans, build: Build, parts: list[str]
    ) -> web.StreamResponse:
        what = "/".join(parts)
        if what in ("logText/progressiveText", "consoleText"):
            return _console(request, build, what, self.model.flush)
        if parts[:1] == ["testReport"]:
            return _exported(request, parts, beans.test_report(build))
        if request.method == "POST" and what in ("submitDescription", "configSubmit", "stop"):
            if caller.name == READER and what != "stop":
                headers = {"X-You-Are-Authenticated-As": READER, "X-Required-Permission": "hudson.model.Run.Update"}
                return _page(403, f"{READER} is missing the Run/Update permission", headers)
            await self._change(request, build, what)
            return web.Response(status=302, headers={"Location": f"{beans.job_url(build.job)}{build.number}/"})
        return _exported(request, parts, beans.build(build))

    async def _change(self, request: web.Request, build: Build, what: str) -> None:
        form: dict[str, Any] = {**request.query, **await request.post()}
        if what == "stop":
            build.stopped = build.stopped or build.ends if not build.building else time.time()
        elif what == "submitDescription":
            build.description = str(form["description"])
        else:
            submitted = json.loads(str(form["json"]))
            build.display_name, build.description = submitted["displayName"].strip(), submitted["description"]
        self.model.save(build)

    def _cancel(self, request: web.Request) -> web.Response:
        for item in self.model.waiting():
            if str(item.id) == request.query.get("id"):
                item.cancelled, item.left = True, time.time()
        return _page(404, "Not Found")  # Jenkins says so when it has done it (JENKINS-21311)


def _me(caller: Caller) -> export.Bean:
    return {"_class": "hudson.model.User", "id": caller.name, "fullName": caller.name, "description": None}


def _console(request: web.Request, build: Build, what: str, flush: int) -> web.Response:
    log, building = build.log, build.building
    log = log[: len(log) // flush * flush] if building else log
    if what == "consoleText":
        return web.Response(body=log, content_type="text/plain", charset="utf-8")
    start = int(request.query.get("start", "0"))
    start = 0 if start > len(log) else start  # the log is shorter than what the client has seen
    headers = {"X-Text-Size": str(len(log))} | ({"X-More-Data": "true"} if building else {})
    return web.Response(body=log[start:], content_type="text/plain", charset="utf-8", headers=headers)


def _exported(request: web.Request, parts: list[str], bean: export.Bean | None) -> web.Response:
    if bean is None:
        return _page(404, "Not Found")
    if parts[-2:-1] != ["api"] or parts[-1] not in ("json", "python"):
        return _page(200, str(bean.get("fullDisplayName", "Dashboard")))
    try:
        value = export.render(bean, request.query.get("tree", ""), int(request.query.get("depth", "0")))
    except ValueError as error:
        return _page(400, str(error))
    if parts[-1] == "json":
        return web.Response(text=export.as_json(value), content_type="application/json")
    return web.Response(text=export.as_python(value), content_type="text/x-python")


def _page(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """As Jetty and Stapler put it; what was wrong with a request also stands in X-Error."""
    body = f"<html><head><title>{status} {text}</title></head><body><h2>HTTP ERROR {status} {text}</h2></body></html>"
    extra = {"X-Error": text} if status in (400, 500) else {}
    return web.Response(status=status, text=body, content_type="text/html", headers={**extra, **(headers or {})})
