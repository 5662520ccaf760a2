"""The fabric of a Linux host: the contract of api.py, put together from the modules beside it.

Every method runs its blocking work in a thread and holds the lock of the one thing it changes, so that different machines and
networks change at the same time.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address
from pathlib import Path

from harness.localazure.fabric import namespaces, uplinks
from harness.localazure.fabric.api import NetworkPlan
from harness.localazure.fabric.names import Names
from harness.localazure.fabric.network import Network


class LinuxFabric:
    """Machines, networks, load balancers and disks on this host; needs root.

    :param state: folder of the server that owns them; also what their names are derived from.
    """

    def __init__(self, state: Path) -> None:
        self._state = state.absolute()
        self._names = Names(self._state)
        self._folder = self._state / "fabric"
        self._networks: dict[str, Network] = {}

    async def start(self) -> None:
        """Prepare the host: public ranges unreachable, folders."""
        for name in ("networks", "machines", "disks"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(uplinks.claim_ranges, self._names)

    async def stop(self) -> None:
        """Stop probing; what was made stays."""
        await asyncio.gather(*(network.close() for network in self._networks.values()))
        self._networks.clear()

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Make the network equal to the plan."""
        await self._network(plan.key).apply(plan)

    async def remove_network(self, key: str) -> None:
        """Remove the namespace and all that hangs on it."""
        network = self._network(key)
        await network.remove()
        self._networks.pop(key, None)

    async def member_health(self, key: str) -> dict[str, dict[str, bool]]:
        """Rule key -> member address -> healthy."""
        return self._network(key).health()

    async def listen(self, key: str, address: IPv4Address, port: int) -> socket.socket:
        """A listening TCP socket inside the network's namespace."""
        return await asyncio.to_thread(namespaces.listening_socket, self._names.network(key), address, port)

    def _network(self, key: str) -> Network:
        if key not in self._networks:
            self._networks[key] = Network(self._names, key, self._folder / "networks")
        return self._networks[key]
