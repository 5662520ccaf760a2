"""What the suites share, as far as it needs no cluster."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from suites._lib.images import agnhost
from suites._lib.inside import failures, matrix
from suites._lib.outside import http_client_address, http_get, refused
from suites._lib.shared import Shared
from suites._lib.waiting import NotYet, wait_for


def test_waiting_returns_what_the_probe_returns() -> None:
    answers = iter([NotYet("one"), OSError("two"), "three"])

    def probe() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert wait_for("an answer", probe, 5, interval=0) == "three"


def test_waiting_in_vain_says_what_was_seen_last() -> None:
    def probe() -> None:
        raise NotYet("two of\n three pods")

    with pytest.raises(AssertionError, match=r"waited 0 s for three pods; last seen: two of three pods"):
        wait_for("three pods", probe, 0)


def test_a_slow_host_gets_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def probe() -> None:
        raise NotYet("nothing")

    monkeypatch.setenv("HARNESS_PATIENCE", "3")
    with pytest.raises(AssertionError, match=r"waited 0\.003 s for a pod"):
        wait_for("a pod", probe, 0.001, interval=0)


def test_defects_of_a_probe_are_not_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_for("nothing", lambda: 1 // 0, 60)


def test_the_newest_agnhost_of_the_build_is_used(tmp_path: Path) -> None:
    names = [
        "registry.k8s.io/pause:3.10.2",
        *(f"registry.k8s.io/e2e-test-images/agnhost:{tag}" for tag in ("2.9", "2.66.1", "2.55")),
    ]
    entries = [{"annotations": {"org.opencontainers.image.ref.name": name}} for name in names]
    (tmp_path / "oci").mkdir()
    (tmp_path / "oci" / "index.json").write_text(json.dumps({"manifests": [*entries, {}]}))
    assert agnhost(tmp_path) == "registry.k8s.io/e2e-test-images/agnhost:2.66.1"


def test_a_matrix_shows_every_failure() -> None:
    def probe(row: int, column: int) -> str:
        if row == 1 and column == 0:
            raise TimeoutError("no answer")
        return "" if row == column else "wrong pod"

    found = matrix(["a", "b"], ["x", "y"], probe)
    assert found == {
        "rows": ["a", "b"],
        "columns": ["x", "y"],
        "cells": [["", "wrong pod"], ["TimeoutError: no answer", ""]],
    }
    assert failures(found) == ["a -> y: wrong pod", "b -> x: TimeoutError: no answer"]


def test_a_pair_is_asked_again_only_where_everything_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter(["i/o timeout", "i/o timeout", "", "i/o timeout"])
    monkeypatch.setenv("HARNESS_PATIENCE", "3")
    assert matrix(["a"], ["x"], lambda *_: next(said))["cells"] == [[""]]
    monkeypatch.setenv("HARNESS_PATIENCE", "1")
    assert matrix(["a"], ["x"], lambda *_: next(said))["cells"] == [["i/o timeout"]]


def test_the_first_makes_and_the_last_removes(tmp_path: Path) -> None:
    made: list[str] = []
    removed: list[object] = []

    def make() -> dict[str, str]:
        made.append("made")
        return {"namespace": "n"}

    one, other = Shared(tmp_path / "thing"), Shared(tmp_path / "thing")
    assert one.acquire(make) == other.acquire(make) == {"namespace": "n"}
    one.release(removed.append)
    assert (made, removed) == (["made"], [])
    other.release(removed.append)
    assert removed == [{"namespace": "n"}]
    one.acquire(make)
    assert len(made) == 2


def test_calls_from_outside() -> None:
    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path != "/missing" else 404)
            self.end_headers()
            self.wfile.write("{}:{}".format(*self.client_address).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        port = server.server_port
        assert http_get("127.0.0.1", port).startswith("127.0.0.1:")
        assert http_client_address("127.0.0.1", port) == ("127.0.0.1", "127.0.0.1")
        with pytest.raises(NotYet, match="answered 404"):
            http_get("127.0.0.1", port, "/missing")
        with pytest.raises(NotYet, match="still accepts"):
            refused("127.0.0.1", port)
        server.shutdown()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert "refused" in refused("127.0.0.1", port).lower()
