"""Whatever moment the server stops at, no socket in a virtual network stays open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web
from recording_fabric import FakeFabric

from harness.localazure.inside import InsideNetworks, Services

ADDRESS = IPv4Address("169.254.169.254")


class SlowFabric(FakeFabric):
    """Remembers its sockets; ``then`` happens as soon as there is one."""

    def __init__(self, folder: Path, then: Callable[[], object]) -> None:
        super().__init__(folder)
        self.sockets: list[socket.socket] = []
        self.then = then

    async def listen(self, key: str, address: IPv4Address, port: int) -> socket.socket:
        self.sockets.append(await super().listen(key, address, port))
        self.then()
        await asyncio.sleep(0)
        return self.sockets[-1]


class Stopping:
    """A server that opens one network, and stops so many turns of its loop after the first socket is there."""

    def __init__(self, folder: Path, turns: int, cancel: bool) -> None:
        self.fabric = SlowFabric(folder, self._soon)
        self.shared = web.AppRunner(web.Application())
        self.inside = InsideNetworks(self.fabric, self._services, self.shared, lambda: self.stopping)
        self.stopping = False
        self.turns = turns
        self.cancel = cancel
        self.stop: asyncio.Task[None] | None = None

    async def run(self) -> None:
        await self.shared.setup()
        self.opening = asyncio.create_task(self.inside.open("network", "key"))
        await asyncio.wait([self.opening])
        if self.stop:
            await self.stop
        else:
            await self._shut_down()

    def _services(self, network: str) -> Services:
        return {(ADDRESS, 80): web.AppRunner(web.Application()), (ADDRESS, 8080): self.shared}

    def _soon(self) -> None:
        self.stop = self.stop or asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        await self._shut_down()

    async def _shut_down(self) -> None:
        self.stopping = True
        await self.shared.cleanup()
        if self.cancel:
            self.opening.cancel()
        await asyncio.wait([self.opening])
        await self.inside.close_all()


@pytest.mark.parametrize("cancel", [False, True], ids=["left alone", "cancelled"])
@pytest.mark.parametrize("turns", range(12))
def test_every_socket_is_closed(tmp_path: Path, turns: int, cancel: bool) -> None:
    server = Stopping(tmp_path, turns, cancel)
    asyncio.run(server.run())
    assert server.fabric.sockets
    assert {found.fileno() for found in server.fabric.sockets} == {-1}
    assert server.opening.cancelled() or server.opening.exception() is None
