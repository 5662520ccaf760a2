"""An API server that knows its version, over plain HTTP, and a kubeconfig for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


@contextmanager
def api_server(version: str, kubeconfig: Path) -> Iterator[None]:
    """Serves ``/version/`` until the block ends; writes the kubeconfig."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.rstrip("/") == "/version"
            major, minor = version.lstrip("v").split(".")[:2]
            facts = dict.fromkeys(("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"), "x")
            body = json.dumps({"major": major, "minor": minor, "gitVersion": version, **facts}).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [],
                    "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
                }
            )
        )  # fmt: skip
        try:
            yield
        finally:
            server.shutdown()
