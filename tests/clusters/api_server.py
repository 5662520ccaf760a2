"""Speaks as much of the Kubernetes API over HTTP as evidence and leftovers need: lists, logs, discovery, creation, change, deletion."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Json = dict[str, Any]


@dataclass
class ApiServer:
    """What it answers; paths that are not here are 404."""

    objects: dict[str, list[Json]] = field(default_factory=dict)
    """Path of a list -> its items."""
    texts: dict[str, str] = field(default_factory=dict)
    """Path -> plain text."""
    groups: dict[str, list[Json]] = field(default_factory=lambda: {"/api": [], "/apis": []})
    """Aggregated discovery."""
    broken: dict[str, int] = field(default_factory=dict)
    """Path -> status."""
    asked: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)
    """Method, path and query of every request."""
    version: str = ""
    """Of Kubernetes, if it tells one."""
    url: str = ""

    def kubeconfig(self, path: Path) -> Path:
        """A kubeconfig for it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "t0ken"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def kind(
        self, group: str, version: str, kind: str, resource: str, *items: Json, verbs: str = "list delete"
    ) -> None:
        """A kind that discovery tells, with its objects."""
        root = "/apis" if group else "/api"
        base = f"{root}/{group}/{version}" if group else f"{root}/{version}"
        entry = {"resource": resource, "responseKind": {"kind": kind}, "scope": "Cluster", "verbs": verbs.split()}
        known = next((item for item in self.groups[root] if item["metadata"].get("name", "") == group), None)
        if known is None:
            known = {"metadata": {"name": group} if group else {}, "versions": [{"version": version, "resources": []}]}
            self.groups[root].append(known)
        known["versions"][0]["resources"].append(entry)
        self.objects[f"{base}/{resource}"] = list(items)

    @property
    def deleted(self) -> list[str]:
        return [path for method, path, _ in self.asked if method == "DELETE"]

    def create(self, path: str, body: Json) -> Json:
        """Add an object to a list that is there."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        made = {**body, "metadata": {**body["metadata"], "creationTimestamp": now, "uid": body["metadata"]["name"]}}
        self.objects.setdefault(path, []).append(made)
        return made

    def remove(self, path: str) -> None:
        listed, _, name = path.rpartition("/")
        kept = [item for item in self.objects.get(listed, []) if item["metadata"]["name"] != name]
        if listed in self.objects:
            self.objects[listed] = kept

    def merge(self, path: str, patch: Json) -> Json:
        """Apply a merge patch (RFC 7386) one level deep."""
        listed, _, name = path.rpartition("/")
        found: Json = next(item for item in self.objects[listed] if item["metadata"]["name"] == name)
        for part, change in patch.items():
            merged = {**found.get(part, {}), **change}
            found[part] = {key: value for key, value in merged.items() if value is not None}
        return found

    def answer(self, method: str, path: str, body: Json) -> tuple[int, str, str]:
        """Status, content type, body."""
        if path in self.broken:
            return self.broken[path], "text/plain", "broken"
        if method == "POST":
            return 201, "application/json", json.dumps(self.create(path, body))
        if path.endswith("/serviceaccounts/default"):
            return 200, "application/json", json.dumps(thing("default"))
        if method == "PATCH":
            return 200, "application/json", json.dumps(self.merge(path, body))
        if method == "DELETE":
            self.remove(path)
            return 200, "application/json", json.dumps({"kind": "Status", "status": "Success"})
        if path.rstrip("/") == "/version" and self.version:
            return 200, "application/json", json.dumps(version_of(self.version))
        if path in self.groups:
            return 200, "application/json", json.dumps({"items": self.groups[path]})
        if path in self.texts:
            kind = "text/html" if self.texts[path].startswith("<") else "text/plain"
            return 200, kind, self.texts[path]
        if path in self.objects:
            return 200, "application/json", json.dumps({"kind": "List", "items": self.objects[path]})
        return 404, "application/json", json.dumps({"kind": "Status", "code": 404})


@contextmanager
def serving() -> Iterator[ApiServer]:
    """A server on loopback."""
    told = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            assert self.headers["Authorization"] == "Bearer t0ken"
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            told.asked.append((self.command, parts.path, parse_qs(parts.query)))
            status, kind, body = told.answer(self.command, parts.path, json.loads(raw or "{}"))
            if "json" not in self.headers["Accept"] and "*/*" not in self.headers["Accept"]:
                status, kind, body = 406, "text/plain", ""  # as the API server does, also for what a node answers
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names that the library calls

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def thing(name: str, namespace: str = "", created: str = "2026-11-28T08:00:00Z", **metadata: Any) -> Json:
    """An object of which only its metadata matters."""
    place = {"namespace": namespace} if namespace else {}
    return {"metadata": {"name": name, "uid": f"{name}-uid", "creationTimestamp": created, **place, **metadata}}


@contextmanager
def serving_version(version: str, kubeconfig: Path) -> Iterator[None]:
    """A server that knows its version, and a kubeconfig for it."""
    with serving() as told:
        told.version = version
        told.kubeconfig(kubeconfig)
        yield


def version_of(version: str) -> Json:
    """What ``/version`` answers."""
    major, minor = version.lstrip("v").split(".")[:2]
    facts = dict.fromkeys(("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"), "x")
    return {"major": major, "minor": minor, "gitVersion": version, **facts}
