"""A running server over a fabric that only records, and Azure's own clients pointed at it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient
from recording_fabric import FakeFabric

from harness.localazure.server import Server
from harness.localazure.state import StateFolder


class RunningServer:
    """A server in a thread, stopped as by SIGTERM or dropped as by SIGKILL."""

    def __init__(self, state: Path, fabric: FakeFabric) -> None:
        self.state = state
        self.fabric = fabric
        self.facts: dict[str, Any] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._server: Server | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(20), "the server did not become ready in 20 s"
        if self._failure:
            raise self._failure
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self.token()}"

    @property
    def subscription(self) -> str:
        return f"/subscriptions/{self.facts['subscription']}"

    def token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.facts["client_id"],
            "client_secret": self.facts["client_secret"],
            "resource": self.facts["http"],
        }
        answer = requests.post(f"{self.facts['http']}/adfs/oauth2/token", data=form, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A request below the subscription (or an absolute path)."""
        full = path if path.startswith(("/subscriptions", "/localazure", "/tenants")) else f"{self.subscription}{path}"
        return self.session.request(method, f"{self.facts['http']}{full}", json=body, headers=headers, timeout=30)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """A request that must succeed; its body."""
        answer = self.call(method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def stop(self) -> None:
        self.session.close()
        if self._server and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server did not stop in 20 s"

    def _run(self) -> None:
        try:
            with StateFolder(self.state) as folder:
                asyncio.set_event_loop(self._loop)
                self._loop.run_until_complete(self._serve(folder))
                self._loop.run_until_complete(self._drop_connections())
        except BaseException as error:
            self._failure = error
        finally:
            self._loop.close()
            self._ready.set()

    async def _drop_connections(self) -> None:
        """TLS clients that keep idle connections never answer the closing handshake."""
        for transport in list(self._loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        await asyncio.sleep(0.01)

    async def _serve(self, folder: StateFolder) -> None:
        self._server = Server(folder.path, folder.secrets(), self.fabric, http_port=-1, https_port=-1)
        await self._server.run(self._became_ready)

    def _became_ready(self, facts: dict[str, object]) -> None:
        self.facts = dict(facts)
        self._ready.set()


@pytest.fixture
def fabric(tmp_path: Path) -> FakeFabric:
    return FakeFabric(tmp_path)


@pytest.fixture
def server(tmp_path: Path, fabric: FakeFabric) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "state", fabric)
    yield running
    running.stop()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A managed image's folder."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "image.json").write_text(json.dumps({"registry": "oci"}))
    return folder


@pytest.fixture
def azure(server: RunningServer) -> Iterator[SimpleNamespace]:
    """The four management clients, over TLS and with a client secret."""
    base, ca = server.facts["https"], server.facts["ca"]
    with ExitStack() as stack:
        credential = stack.enter_context(
            ClientSecretCredential(
                "adfs",
                server.facts["client_id"],
                server.facts["client_secret"],
                authority=base,
                connection_verify=ca,
                disable_instance_discovery=True,
            )
        )
        options = {
            "base_url": base,
            "credential_scopes": [f"{base}/.default"],
            "connection_verify": ca,
            "polling_interval": 0.1,
            "retry_total": 0,
        }
        clients = {
            name: stack.enter_context(kind(credential, server.facts["subscription"], **options))
            for name, kind in {
                "resources": ResourceManagementClient,
                "deployments": DeploymentsMgmtClient,
                "network": NetworkManagementClient,
                "compute": ComputeManagementClient,
            }.items()
        }
        yield SimpleNamespace(**clients)
