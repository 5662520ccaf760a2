"""Local Azure's server as its users see it: whose it is, and what happens when it dies while somebody lets go."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import recording_fabric
from azure.core.exceptions import ServiceRequestError
from azure.core.rest import HttpRequest

from harness.clouds.holders import started
from harness.clouds.local import LocalCloud
from harness.clouds.server import LocalServer, ServerInfo
from harness.clouds.transport import PatientTransport
from harness.settings import load


def write(folder: Path, **told: object) -> ServerInfo:
    facts = dict.fromkeys(ServerInfo.__dataclass_fields__, "http://127.0.0.1:1") | told
    (folder / "server.json").write_text(json.dumps(facts))
    info = ServerInfo.read(folder / "server.json")
    assert info is not None
    return info


def test_a_process_that_got_the_id_of_a_dead_server_is_not_taken_for_it(tmp_path: Path) -> None:
    mine = int(started(os.getpid()))
    assert write(tmp_path, pid=os.getpid(), pid_started=mine).alive
    assert not write(tmp_path, pid=os.getpid(), pid_started=mine - 1).alive
    assert LocalServer(tmp_path).running() is None


def test_half_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"pid": 1, "http": ')
    assert ServerInfo.read(tmp_path / "server.json") is None


@pytest.mark.timeout(120)
def test_a_server_that_dies_while_its_last_user_leaves_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchdog wants the lock to start it again; who leaves has the lock, and waits for the watchdog's end."""
    monkeypatch.setenv("PYTHONPATH", str(Path(recording_fabric.__file__).parent))
    settings = load({"state": str(tmp_path)}, {}, tmp_path)
    with LocalCloud(settings, ("--fabric", "recording_fabric:FakeFabric")) as cloud:
        file = tmp_path / "localazure" / "server.json"
        info = ServerInfo.read(file)
        assert info is not None
        with cloud._server.locked():
            os.kill(info.pid, signal.SIGKILL)
            while info.alive:
                pass
            time.sleep(1.5)  # the watchdog sees it, and wants the lock
            assert cloud._server.release()
            cloud._server.ensure()
        assert ServerInfo.read(file) != info
    assert not file.exists()


def test_a_post_that_finds_nobody_is_sent_when_somebody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    requests = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal requests
            requests += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def serve() -> None:
        time.sleep(0.5)
        with HTTPServer(("127.0.0.1", port), Handler) as server:
            server.handle_request()

    late = threading.Thread(target=serve)
    late.start()
    with PatientTransport(40) as transport:
        assert transport.send(HttpRequest("POST", f"http://127.0.0.1:{port}/")).status_code == 200
    late.join()
    assert requests == 1
    with PatientTransport(2) as transport, pytest.raises(ServiceRequestError):
        transport.send(HttpRequest("POST", f"http://127.0.0.1:{port}/"))
