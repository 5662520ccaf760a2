"""A fabric that only records what it was told, and listens on loopback instead of inside networks."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from harness.localazure.fabric.api import DataDisk, DiskPlan, MachinePlan, MachineState, NetworkPlan


@dataclass
class FakeFabric:
    """Implements harness.localazure.fabric.api.Fabric."""

    folder: Path
    networks: dict[str, NetworkPlan] = field(default_factory=dict)
    machines: dict[str, MachinePlan] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    disks: dict[str, DiskPlan] = field(default_factory=dict)
    attached: dict[str, tuple[DataDisk, ...]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    listening: dict[tuple[str, int], int] = field(default_factory=dict)
    boots: int = 0
    pace: float = 0.005
    """Seconds that applying a network takes."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def clear(self) -> None:
        self.calls.append("clear")

    def reserved_public(self) -> frozenset[IPv4Address]:
        return frozenset()

    async def apply_network(self, plan: NetworkPlan) -> None:
        self.calls.append(f"network {plan.name}")
        await asyncio.sleep(self.pace)
        self.networks[plan.key] = plan

    async def remove_network(self, key: str) -> None:
        self.networks.pop(key, None)

    async def member_health(self, key: str) -> dict[str, dict[str, bool]]:
        return {}

    async def listen(self, key: str, address: IPv4Address, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", 0))
        self.listening[(key, port)] = listener.getsockname()[1]
        return listener

    async def start_machine(self, plan: MachinePlan) -> None:
        self.machines[plan.key] = plan
        if plan.key not in self.running:
            self.boots += 1
        self.running.add(plan.key)
        self.attached.setdefault(plan.key, plan.disks)

    async def reboot_machine(self, key: str, after: float) -> None:
        self.calls.append(f"reboot {self.machines[key].name} after {after:g} s")

    async def stop_machine(self, key: str, *, hard: bool) -> None:
        self.running.discard(key)

    async def remove_machine(self, key: str) -> None:
        self.running.discard(key)
        self.machines.pop(key, None)

    async def machine_state(self, key: str) -> MachineState:
        if key in self.running:
            return MachineState.RUNNING
        return MachineState.STOPPED if key in self.machines else MachineState.ABSENT

    async def attach_disks(self, key: str, disks: tuple[DataDisk, ...]) -> None:
        self.attached[key] = disks

    def console(self, key: str) -> Path:
        return self.folder / f"{key}.console"

    async def run_command(self, key: str, argv: tuple[str, ...], timeout: float) -> tuple[int, bytes]:
        return 0, f"ran {argv[-1]}".encode()

    async def ensure_disk(self, plan: DiskPlan) -> None:
        self.disks[plan.key] = plan

    async def remove_disk(self, key: str) -> None:
        self.disks.pop(key, None)
