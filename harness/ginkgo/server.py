"""The server side of ginkgo's parallel protocol: hands one e2e.test process the specs it is to run, one after the other.

ginkgo's own server deals indexes out in order. This one answers ``GET /counter`` only when there is work, with the index that is
wanted, and receives each finished spec as ``POST /did-run``. It holds the answer to ``/before-suite-state`` as well, so that a
process can be started before its cluster is up. Facts: ginkgo v2.32 ``internal/parallel_support/http_client.go`` and
``internal/suite.go``; a process speaks HTTP when it finds ``GINKGO_PARALLEL_PROTOCOL=HTTP`` in its environment.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

PAST_THE_END = 1_000_000_000
"""An index no inventory reaches: the process leaves its loop and ends."""

_OK, _TOO_EARLY, _GONE = 200, 425, 410
_HELD = 60.0
"""Seconds a request for work is held before the process is told to ask again."""


class ParallelServer:
    """Serves one process on a loopback port; usable from one other thread."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._index: int | None = None
        self._ready = False
        self._closed = False
        self._reports: deque[dict[str, Any]] = deque()
        self._progress: dict[str, Any] = {}
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, name="ginkgo-protocol", daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def offer(self, index: int) -> None:
        """The next index to hand out."""
        with self._changed:
            self._index = index
            self._changed.notify_all()

    def next_report(self, timeout: float) -> dict[str, Any] | None:
        """The next finished node's report (``types.SpecReport``), or None after ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._reports, timeout)
            return self._reports.popleft() if self._reports else None

    def wait_ready(self, timeout: float) -> bool:
        """Whether the process has asked for work once, waited for so long: its start-up is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready, timeout)

    def progress(self, timeout: float = 0.0) -> dict[str, Any]:
        """The latest ``types.ProgressReport`` (a process sends one on SIGUSR1), waited for so long; empty if there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._progress, timeout)
            return self._progress

    def close(self) -> None:
        """Stop serving."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._http.shutdown()
        self._http.server_close()

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON body of a GET."""
        match path:
            case "/counter":
                return self._counter()
            case "/before-suite-state":  # held until there is work: from here on the process talks to the cluster
                status = self._wait_for_work()
                return status, {"Data": None, "State": "passed"} if status == _OK else None
            case "/report-before-suite-state":
                return _OK, "passed"
            case "/aggregated-nonprimary-procs-report":
                return _OK, {}
            case _:  # /up, /abort (nobody aborts), /have-nonprimary-procs-finished (there are none)
                return _OK, None

    def post(self, path: str, body: bytes) -> None:
        """Take what the process tells."""
        if path not in ("/did-run", "/progress-report"):
            return
        report = json.loads(body)
        with self._changed:
            if path == "/did-run":
                self._reports.append(report)
            else:
                self._progress = report
            self._changed.notify_all()

    def _counter(self) -> tuple[int, Any]:
        with self._changed:
            self._ready = True
            self._changed.notify_all()
            status = self._wait_for_work()
            if status != _OK:
                return status, None
            index, self._index = self._index, None
            return _OK, {"Index": index}

    def _wait_for_work(self) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._index is not None or self._closed, _HELD)
            if self._closed:
                return _GONE
            return _TOO_EARLY if self._index is None else _OK


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the process died in the middle of a request, and whoever waits for it notices by its exit code."""


def _handler(server: ParallelServer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(*server.get(self.path))

        def do_POST(self) -> None:
            server.post(self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            self._answer(_OK, None)

        def _answer(self, status: int, body: Any) -> None:
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: two requests a second would drown everything else."""

    return Handler
