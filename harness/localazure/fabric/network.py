"""One virtual network as this process keeps it: its plan, its probes and what was last installed.

Two things change packet rules, a new plan and a probe's result; a lock takes them one after the other. The members' health is
also kept in a file, so that a server that was killed does not start with every member down: the network never notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from ipaddress import IPv4Address
from pathlib import Path

from harness import atomic
from harness.errors import CloudError
from harness.localazure.fabric import balancer, flows, namespaces, networks
from harness.localazure.fabric.api import NetworkPlan, RulePlan
from harness.localazure.fabric.names import Names
from harness.localazure.fabric.probes import Prober, Target

_log = logging.getLogger(__name__)

GATHER = 0.01
"""Seconds to wait after a probe's change, so that several members' changes are one."""


class Network:
    """A network that is applied, and applied again, until it is removed.

    :param folder: where the health file is kept.
    """

    def __init__(self, names: Names, key: str, folder: Path) -> None:
        self._names = names
        self._key = key
        self._file = folder / f"{key}.json"
        self._lock = asyncio.Lock()
        self.machines: frozenset[str] = frozenset()
        """Keys of machines with a NIC in it, those included that it is being given just now."""
        self._plan: NetworkPlan | None = None
        self._wired: NetworkPlan | None = None
        self._script = ""
        self._installed: tuple[NetworkPlan, balancer.Health] | None = None
        self._refresh: asyncio.Task[None] | None = None
        self._prober = Prober(names.network(key), self._probe_changed)

    async def apply(self, plan: NetworkPlan) -> None:
        """Make the network equal to the plan."""
        async with self._lock:
            self.machines = frozenset(nic.machine for nic in plan.nics)
            if self._wired is None or _structure(self._wired) != _structure(plan) or not self._there():
                await self._wire(plan)
            self._plan = plan
            known = await asyncio.to_thread(self._read_health) if self._installed is None else frozenset()
            self._prober.aim(
                {Target(member, rule.probe) for rule in plan.rules if rule.probe for member in rule.members},
                lambda target: _text(target) in known,
            )
            await self._install(plan)

    async def _wire(self, plan: NetworkPlan) -> None:
        self._wired = None
        if not self._there():
            self._file.unlink(missing_ok=True)
            self._installed, self._script = None, ""
        await asyncio.to_thread(networks.apply, self._names, plan)
        self._wired = plan

    def _there(self) -> bool:
        return (namespaces.FOLDER / self._names.network(self._key)).exists()

    def machine_gone(self, machine: str) -> None:
        """Look at the links again at the next apply if this machine, and its end of a link with it, was part of the network."""
        if self._wired and any(nic.machine == machine for nic in self._wired.nics):
            self._wired = None

    def health(self) -> dict[str, dict[str, bool]]:
        """Rule key -> member -> healthy."""
        rules = self._plan.rules if self._plan else ()
        return {rule.key: {str(member): self._is_up(rule, member) for member in rule.members} for rule in rules}

    async def close(self) -> None:
        """Stop probing; the network stays."""
        if self._refresh:
            self._refresh.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refresh
        await self._prober.close()

    async def remove(self) -> None:
        """Stop probing and remove the network."""
        await self.close()
        async with self._lock:
            self._plan = self._wired = self._installed = None
            self.machines = frozenset()
            await asyncio.to_thread(networks.remove, self._names, self._key)
            self._file.unlink(missing_ok=True)

    def _is_up(self, rule: RulePlan, member: IPv4Address) -> bool:
        return rule.probe is None or self._prober.is_up(Target(member, rule.probe))

    def _probe_changed(self) -> None:
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._reinstall(), name=f"refresh {self._key}")

    async def _reinstall(self) -> None:
        await asyncio.sleep(GATHER)
        async with self._lock:
            # A network that somebody removed meanwhile has nothing to refresh; the next apply makes it anew.
            self._refresh = None
            if self._plan is not None and self._wired is not None:
                try:
                    await self._install(self._plan)
                except CloudError as error:
                    _log.warning("the network %s could not follow its probes: %s", self._key, error)
                    self._wired = None

    async def _install(self, plan: NetworkPlan) -> None:
        healthy = {rule.key: frozenset(m for m in rule.members if self._is_up(rule, m)) for rule in plan.rules}
        script = balancer.script(plan, healthy)
        if script != self._script:
            self._script = ""
            await asyncio.to_thread(networks.load, self._names, self._key, script)
            self._script = script
        if self._installed is not None:
            gone = flows.forgotten(*self._installed, plan, healthy)
            if gone:
                await asyncio.to_thread(networks.forget, self._names, self._key, gone)
        self._installed = plan, healthy
        await asyncio.to_thread(self._write_health, plan)

    def _write_health(self, plan: NetworkPlan) -> None:
        up = sorted(
            {
                _text(target)
                for rule in plan.rules
                if rule.probe
                for member in rule.members
                if self._prober.is_up(target := Target(member, rule.probe))
            }
        )
        text = json.dumps(up)
        if not self._file.exists() or self._file.read_text() != text:
            atomic.write(self._file, text, parents=False)

    def _read_health(self) -> frozenset[str]:
        try:
            return frozenset(json.loads(self._file.read_text()))
        except (FileNotFoundError, ValueError):
            return frozenset()


def _structure(plan: NetworkPlan) -> object:
    """The part of a plan that is links, addresses and routes."""
    nics = tuple((nic.key, nic.machine, nic.index, nic.mac, nic.address, nic.subnet) for nic in plan.nics)
    return plan.subnets, plan.routes, nics, plan.public, plan.internal, plan.instance_public


def _text(target: Target) -> str:
    probe = target.probe
    return f"{target.member} {probe.protocol} {probe.port} {probe.path}"
