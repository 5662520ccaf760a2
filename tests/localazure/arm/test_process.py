"""The server as a process: started, killed, started again, refused, stopped."""

from __future__ import annotations

import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from server_process import Process


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    started: list[Process] = []

    def start(*flags: str) -> Process:
        started.append(Process(tmp_path / "state", "--fabric", "recording_fabric:FakeFabric", *flags))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def put_group(facts: dict[str, Any], method: str = "PUT") -> requests.Response:
    form = {"grant_type": "client_credentials", "resource": facts["http"]}
    form |= {name: facts[name] for name in ("client_id", "client_secret")}
    token = requests.post(f"{facts['http']}/adfs/oauth2/token", data=form, timeout=5).json()["access_token"]
    url = f"{facts['http']}/subscriptions/{facts['subscription']}/resourceGroups/rg"
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, url, json={"location": "westeurope"}, headers=headers, timeout=5)


def test_a_killed_server_comes_back_with_everything(start: Any, tmp_path: Path) -> None:
    first = start()
    facts = first.ready()
    assert put_group(facts).status_code == 201
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "server.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state" / "secrets.json").stat().st_mode) == 0o600

    refused = start()
    assert "another server holds it" in refused.output()
    assert refused.process.returncode == 2

    first.process.send_signal(signal.SIGKILL)
    first.process.wait(5)
    again = start().ready()
    kept = ("http", "https", "ca", "subscription", "client_id", "client_secret")
    assert {name: again[name] for name in kept} == {name: facts[name] for name in kept}
    assert put_group(again, "GET").json()["location"] == "westeurope"


def test_shutdown_by_request_clears(start: Any, tmp_path: Path) -> None:
    server = start()
    facts = server.ready()
    put_group(facts)
    headers = {"Authorization": f"Bearer {facts['client_secret']}"}
    assert requests.post(f"{facts['http']}/localazure/shutdown?clear=true", headers=headers, timeout=5).ok
    assert server.process.wait(10) == 0
    assert not (tmp_path / "state" / "server.json").exists()
    assert put_group(start().ready(), "GET").status_code == 404


def test_sigterm_stops(start: Any) -> None:
    server = start()
    facts = server.ready()
    put_group(facts)
    server.process.terminate()
    assert server.process.wait(10) == 0
    assert put_group(start().ready(), "GET").status_code == 200


def test_a_taken_port_is_one_line(start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = start("--http-port", str(taken.getsockname()[1]))
        output = server.output().strip()
    assert server.process.returncode == 2
    assert output.startswith("error: listen on 127.0.0.1:")
    assert "--http-port" in output
    assert len(output.splitlines()) == 1


def test_a_server_that_a_fault_kills_has_done_its_work_and_is_killed_once(start: Any) -> None:
    first = start()
    facts = first.ready()
    first.ok("POST", "/localazure/faults", {"kind": "killed", "method": "PUT"})
    with pytest.raises(requests.exceptions.ConnectionError):
        put_group(facts)
    assert first.process.wait(5) == -signal.SIGKILL
    again = start().ready()
    assert put_group(again, "GET").status_code == 200
    assert put_group(again).status_code == 200
