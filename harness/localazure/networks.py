"""Keeps every virtual network of the fabric equal to the store, and the local services listening in each.

A change computes the plans of all networks (pure, a millisecond or two) and applies those that differ. Changes that arrive while
a network is being applied are served together by the next apply; each caller returns only when its change is real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from harness.localazure.arm.store import Store
from harness.localazure.fabric.api import Fabric, NetworkPlan
from harness.localazure.providers.plan.networks import network_plans

Opener = Callable[[str, str], Awaitable[None]]
"""Called with the id and the fabric's key of a network that became real: opens the local services in it."""
Closer = Callable[[str], Awaitable[None]]
"""Called with the id of a network that is about to go."""


@dataclass
class _Network:
    key: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: NetworkPlan | None = None
    real: NetworkPlan | None = None
    opened: bool = False


class NetworkReconciler:
    """Implements :class:`harness.localazure.arm.engine.Networks`."""

    def __init__(self, store: Store, fabric: Fabric, opened: Opener, closing: Closer) -> None:
        self._store = store
        self._fabric = fabric
        self._opened = opened
        self._closing = closing
        self._networks: dict[str, _Network] = {}

    async def settle(self) -> None:
        """Return when every network equals the store as of now, or raise what the fabric raised.

        Networks of a resource group that is being deleted are left alone until they go.
        """
        plans = network_plans(self._store)
        work = []
        for name, plan in plans.items():
            network = self._networks.setdefault(name, _Network(plan.key))
            if (network.real != plan or network.wanted != plan) and not self._leaving(name):
                work.append(self._apply(name, plan))
        work += [self._remove(name) for name in list(self._networks) if name not in plans]
        if len(work) == 1:
            await work[0]
        elif work:
            await asyncio.gather(*work)

    def _leaving(self, name: str) -> bool:
        group = self._store.get(name.partition("/providers/")[0])
        return group is not None and group.state == "Deleting"

    async def _apply(self, name: str, plan: NetworkPlan) -> None:
        network = self._networks.setdefault(name, _Network(plan.key))
        network.wanted = plan
        async with network.lock:
            target = network.wanted
            if network.real == target or target is None:
                return
            network.real = None
            self._networks[name] = network
            await self._fabric.apply_network(target)
            network.real = target
            if not network.opened:
                await self._opened(name, plan.key)
                network.opened = True

    async def _remove(self, name: str) -> None:
        network = self._networks[name]
        network.wanted = None
        async with network.lock:
            if network.wanted is not None or self._networks.get(name) is not network:
                return
            await self._closing(name)
            await self._fabric.remove_network(network.key)
            network.real, network.opened = None, False
            del self._networks[name]
