"""What answers inside virtual networks: metadata, the registry, ARM.

A network can become real while the server stops: between any two steps of an opening the stop can run from end to end, or cancel it. So
everything is noted before it is used, and closing goes by the notes: no socket outlives the server's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from ipaddress import IPv4Address

from aiohttp import web

from harness.errors import HarnessError
from harness.localazure.fabric.api import Fabric

Services = Mapping[tuple[IPv4Address, int], web.AppRunner]
"""Address and port inside a network -> what answers there."""


class InsideNetworks:
    """The listeners of this process in the virtual networks that are real.

    :param services_of: the services of the network with this name
    :param shared: the runner that answers outside too, and that its owner sets up and cleans up
    :param stopping: whether the server stops, and nothing is to be opened any more
    """

    def __init__(
        self,
        fabric: Fabric,
        services_of: Callable[[str], Services],
        shared: web.AppRunner,
        stopping: Callable[[], bool],
    ) -> None:
        self._fabric = fabric
        self._services_of = services_of
        self._shared = shared
        self._open: dict[str, AsyncExitStack] = {}
        self._stopping = stopping

    async def open(self, network: str, key: str) -> None:
        """Listen in a network that became real."""
        notes = self._open.setdefault(network, AsyncExitStack())
        for (address, port), runner in self._services_of(network).items():
            if runner is not self._shared:
                notes.push_async_callback(runner.cleanup)
                await runner.setup()
            listener = await self._listen(key, address, port)
            notes.callback(_close, listener)
            if self._stopping():
                return
            site = web.SockSite(runner, listener)
            notes.push_async_callback(_stop, runner, site)
            await site.start()

    async def close(self, network: str) -> None:
        """Stop what listens in a network; nothing, if nothing does."""
        if notes := self._open.pop(network, None):
            await notes.aclose()

    async def close_all(self) -> None:
        """Stop everything; by then the server has to be stopping."""
        for network in list(self._open):
            await self.close(network)

    async def _listen(self, key: str, address: IPv4Address, port: int) -> socket.socket:
        """The fabric's socket, which is closed if whoever asks for it is cancelled meanwhile."""
        making = asyncio.ensure_future(self._fabric.listen(key, address, port))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            with contextlib.suppress(HarnessError):
                _close(await making)
            raise


async def _stop(runner: web.AppRunner, site: web.SockSite) -> None:
    if site in runner.sites:  # not there, if it never started or its runner was cleaned up
        await site.stop()


def _close(listener: socket.socket) -> None:
    """Close a socket that the loop may or may not listen on."""
    if listener.fileno() >= 0:
        asyncio.get_running_loop().remove_reader(listener)
        listener.close()
