"""The server process: puts the parts together, listens, survives being killed, and shuts down when told."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

import harness.localazure.providers
from harness.errors import HarnessError, UsageError
from harness.localazure.application import Application
from harness.localazure.arm.engine import Engine
from harness.localazure.arm.faults.faults import Faults
from harness.localazure.arm.front import Front
from harness.localazure.arm.inner import InnerCalls
from harness.localazure.arm.journal import Journal
from harness.localazure.arm.operations import Operations
from harness.localazure.arm.registry import Registry
from harness.localazure.arm.store import Store
from harness.localazure.discovery import Discovery
from harness.localazure.fabric.api import IMDS, WIRE, Fabric
from harness.localazure.identity.certificates import ensure_certificates
from harness.localazure.identity.metadata import metadata_app
from harness.localazure.identity.tokens import Tokens
from harness.localazure.inside import InsideNetworks, Services
from harness.localazure.networks import NetworkReconciler
from harness.localazure.oci import registry_app
from harness.localazure.state import Secrets, StateFolder, process_started, touch_private, write_private

LOG = logging.getLogger(__name__)
ARM_PORT = 8080
"""ARM's port at 168.63.129.16 in each virtual network; 80 is left to the wire server."""
REGISTRY_PORT = 5000
TENANT = "adfs"


def kill_this_process() -> None:
    """End as by ``kill -9``."""
    os.kill(os.getpid(), signal.SIGKILL)


class Server:
    """One server on a state folder that this process holds."""

    def __init__(
        self,
        state: Path,
        secrets: Secrets,
        fabric: Fabric,
        *,
        http_port: int,
        https_port: int,
        die: Callable[[], None] = kill_this_process,
    ) -> None:
        self.state = state
        self.secrets = secrets
        self.fabric = fabric
        self.store = Store(touch_private(state / "store.sqlite"))
        self.journal = Journal(touch_private(state / "journal.sqlite"))
        self.tokens = Tokens(bytes.fromhex(secrets.signing_key), "https://local-azure/adfs")
        self.discovery = Discovery()
        self.networks = NetworkReconciler(
            self.store,
            fabric,
            lambda network, key: self._inside.open(network, key),
            lambda network: self._inside.close(network),
        )
        types = Registry(harness.localazure.providers)
        faults = Faults(self.store)
        self.engine = Engine(
            self.store,
            types,
            fabric,
            self.networks,
            subscription=secrets.subscription,
            tenant=TENANT,
            sign_url=lambda path, base: f"{base}{path}?sig={self.tokens.sign_path(path)}",
            public_offset=int(hashlib.sha256(str(state).encode()).hexdigest()[:8], 16),
            inner=InnerCalls(self.store, faults, self.journal),
        )
        self.operations = Operations(self.store)
        self.application = Application(
            Front(self.engine, types, self.operations),
            self.store,
            self.journal,
            faults,
            self.tokens,
            secrets,
            self.discovery,
            self.stop,
            fabric.console,
            die,
        )
        self._ports = {"http": http_port, "https": https_port}
        self._stopping = asyncio.Event()
        self._clear = False
        self._runner = web.AppRunner(self.application.web, access_log=None, shutdown_timeout=2)
        self._inside = InsideNetworks(fabric, self._services, self._runner, lambda: self.engine.stopping)

    async def run(self, ready: Callable[[dict[str, object]], None]) -> None:
        """Serve until told to stop; ``ready`` gets what server.json holds."""
        await self.fabric.start()
        try:
            await self._runner.setup()
            http = await self._listen("http", None)
            ca, certificate, key = ensure_certificates(self.state / "tls")
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(certificate, key)
            https = await self._listen("https", tls)
            self.discovery.login = self.engine.endpoint = f"https://127.0.0.1:{https}"
            for base in (f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}", f"http://{WIRE}:{ARM_PORT}"):
                self.tokens.accept(base)
            await self._restore()
            facts: dict[str, object] = {
                "pid": os.getpid(),
                "pid_started": process_started(os.getpid()),
                "http": f"http://127.0.0.1:{http}",
                "https": f"https://127.0.0.1:{https}",
                "ca": str(ca),
                "subscription": self.secrets.subscription,
                "tenant": TENANT,
                "client_id": self.secrets.client_id,
                "client_secret": self.secrets.client_secret,
                "wire_arm": f"http://{WIRE}:{ARM_PORT}",
                "registry": f"http://{WIRE}:{REGISTRY_PORT}",
            }
            write_private(self.state / "server.json", json.dumps(facts, indent=1))
            ready(facts)
            await self._stopping.wait()
        finally:
            await self._shut_down()

    def stop(self, clear: bool = False) -> None:
        """Shut down soon; with ``clear`` remove everything that was made."""
        self._clear = self._clear or clear
        self._stopping.set()

    async def _listen(self, name: str, tls: ssl.SSLContext | None) -> int:
        """Listen on loopback, at the port of the last start if none was given, so that clients find a restarted server."""
        remembered = self.store.fact(f"port/{name}")
        port = self._ports[name] if self._ports[name] >= 0 else int(remembered or "0")
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=tls).start()
        except OSError as error:
            raise UsageError(
                f"listen on 127.0.0.1:{port} for {name}",
                last_seen=error.strerror or str(error),
                hint=f"give another --{name}-port (0 takes any that is free)",
            ) from error
        chosen = int(self._runner.addresses[-1][1])
        self.store.remember(f"port/{name}", str(chosen))
        return chosen

    async def _restore(self) -> None:
        """Make everything in the store real again; what still runs is adopted. One resource that fails does not stop the others."""
        try:
            await self.networks.settle()
        except HarnessError:
            LOG.exception("restoring networks")
        resources = [found for found in self.store if not self.engine.type_of(found.id.type).background]
        results = await asyncio.gather(*map(self.engine.make_again, resources), return_exceptions=True)
        for resource, result in zip(resources, results, strict=True):
            if isinstance(result, BaseException):
                LOG.error("restoring %s: %s", resource.id, result)
        for resource in self.store:
            if self.engine.type_of(resource.id.type).background and resource.state not in (
                "Succeeded",
                "Failed",
                "Canceled",
            ):
                verb = "DELETE" if resource.state == "Deleting" else "PUT"
                self.operations.start(self.engine.make_again(resource), str(resource.id), verb)

    def _services(self, network: str) -> Services:
        return {
            (IMDS, 80): web.AppRunner(metadata_app(self.store, self.tokens, network), access_log=None),
            (WIRE, REGISTRY_PORT): web.AppRunner(registry_app(self.store, network), access_log=None),
            (WIRE, ARM_PORT): self._runner,
        }

    async def _shut_down(self) -> None:
        """Machines keep running, unless everything is to be cleared."""
        self.engine.abandon()
        await self._runner.cleanup()
        await self.operations.stop()
        await self._inside.close_all()
        if self._clear:
            await self.fabric.clear()
        await self.fabric.stop()
        self.store.close()
        self.journal.close()
        if self._clear:
            for name in ("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"):
                (self.state / name).unlink(missing_ok=True)


def serve(state: Path, make_fabric: Callable[[Path], Fabric], *, http_port: int = -1, https_port: int = -1) -> None:
    """Run a server in the foreground until it is stopped. Ports: -1 is the one of the last start, 0 any free one."""
    with StateFolder(state) as folder:
        secrets = folder.secrets()

        async def run() -> None:
            server = Server(folder.path, secrets, make_fabric(folder.path), http_port=http_port, https_port=https_port)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, server.stop)
            await server.run(lambda facts: print(f"local Azure is ready: {facts['https']} ({folder.path})", flush=True))

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(run())
