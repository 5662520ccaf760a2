"""The fabric of a Linux host: the contract of api.py, put together from the modules beside it.

Every method runs its blocking work in a thread and holds the lock of the one thing it changes, so that different machines and
networks change at the same time.
"""

from __future__ import annotations

import asyncio
import shlex
import socket
from collections import defaultdict
from ipaddress import IPv4Address
from pathlib import Path

from harness.errors import CloudError
from harness.localazure.fabric import commands, fulldisk, guest, host, namespaces, networks, reserved, uplinks
from harness.localazure.fabric.api import Condition, DataDisk, DiskPlan, MachinePlan, MachineState, NetworkPlan
from harness.localazure.fabric.cgroups import Hierarchies
from harness.localazure.fabric.disks import Disks
from harness.localazure.fabric.machines import Machines
from harness.localazure.fabric.names import Names
from harness.localazure.fabric.network import Network
from harness.localazure.fabric.sweep import sweep_host


class LinuxFabric:
    """Machines, networks, load balancers and disks on this host; needs root.

    :param state: folder of the server that owns them; also what their names are derived from.
    """

    def __init__(self, state: Path) -> None:
        self._state = state.absolute()
        self._names = Names(self._state)
        self._folder = self._state / "fabric"
        self._networks: dict[str, Network] = {}
        self._machines = Machines(self._names, self._folder / "machines", Hierarchies.of_host())
        self._disks = Disks(self._folder / "disks", self._folder / "machines")
        self._deletions: set[asyncio.Task[None]] = set()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Prepare the host: public ranges unreachable, kernel limits, folders."""
        host.check()
        for name in ("networks", "machines", "disks"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(host.claim, self._names)
        await asyncio.to_thread(self._machines.stop_launchers)
        self._empty_trash()

    async def stop(self) -> None:
        """Stop probing; what was made stays."""
        await asyncio.gather(*(network.close() for network in self._networks.values()), *self._deletions)
        self._networks.clear()

    async def clear(self) -> None:
        """Remove everything of this fabric from the host, data disks included."""
        await self.stop()
        await asyncio.to_thread(sweep_host, self._state)

    def reserved_public(self) -> frozenset[IPv4Address]:
        """Addresses of the public ranges that the host itself uses."""
        return reserved.of_host()

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Make the network equal to the plan."""
        await self._network(plan.key).apply(plan)
        await self._drop_unused_namespaces()

    async def foreign_public(self) -> frozenset[IPv4Address]:
        """Public addresses that other fabrics of this host have."""
        return await asyncio.to_thread(uplinks.foreign, self._names)

    async def remove_network(self, key: str) -> None:
        """Remove the namespace and all that hangs on it."""
        await self._network(key).remove()
        self._networks.pop(key, None)
        await self._drop_unused_namespaces()

    async def _drop_unused_namespaces(self) -> None:
        def wanted() -> set[str]:
            return {machine for network in list(self._networks.values()) for machine in network.machines}

        await asyncio.to_thread(networks.drop_unused_namespaces, self._names, self._folder / "machines", wanted)

    async def member_health(self, key: str) -> dict[str, dict[str, bool]]:
        """Rule key -> member address -> healthy."""
        return self._network(key).health()

    async def listen(self, key: str, address: IPv4Address, port: int) -> socket.socket:
        """A listening TCP socket inside the network's namespace."""
        return await asyncio.to_thread(namespaces.listening_socket, self._names.network(key), address, port)

    async def start_machine(self, plan: MachinePlan) -> None:
        """Boot, unless it already runs."""
        async with self._locks[plan.key]:
            await asyncio.to_thread(self._start, plan)
            await self._settle_room(plan)

    def _start(self, plan: MachinePlan) -> None:
        # Before the boot: the launcher makes the disks' nodes, and a full disk, as soon as the machine has a /dev.
        self._machines.prepare(plan)
        if plan.condition is Condition.FULL:
            self._machines.root(plan.key).ready.write_text(fulldisk.script(full=True))
        self._disks.attach(plan.key, plan.disks, self._machines.leader(plan.key))
        self._machines.start(plan)

    async def _settle_room(self, plan: MachinePlan) -> None:
        """Make a running machine's disk full, or no longer so; the file says that it is or was."""
        file, full = self._machines.root(plan.key).ready, plan.condition is Condition.FULL
        if file.exists():
            await self._shell(plan.key, f"{'fill' if full else 'free'} the disk of {plan.name}", fulldisk.script(full))
        if not full:
            file.unlink(missing_ok=True)

    async def reboot_machine(self, key: str, after: float) -> None:
        """Have a running machine reboot itself after so many seconds."""
        # Without dependencies: they would start what an emergency mode keeps stopped, and wait for a boot.
        options = ["--collect", f"--on-active={after:g}", "--property=DefaultDependencies=no"]
        options += ["--timer-property=DefaultDependencies=no", "--timer-property=AccuracySec=50ms"]
        timer = shlex.join(["systemd-run", "--quiet", *options, "systemctl", "reboot"])
        # A machine that only just boots does not answer yet.
        await self._shell(key, f"have machine {key} reboot", f"until {timer}; do sleep 0.1; done")

    async def _shell(self, key: str, attempted: str, script: str) -> None:
        code, output = await self.run_command(key, ("/bin/sh", "-c", script), commands.LIMIT)
        if code:
            seen = f"exit code {code}: {output.decode(errors='replace').strip()[-500:]}"
            raise CloudError(attempted, code="FabricFailure", awaited="exit code 0", last_seen=seen)

    async def stop_machine(self, key: str, *, hard: bool) -> None:
        """Power off, at once if ``hard``; its root and disks stay."""
        async with self._locks[key]:
            await asyncio.to_thread(self._machines.stop, key, hard=hard)

    async def remove_machine(self, key: str) -> None:
        """Power off at once and delete its root; data disks stay."""
        async with self._locks[key]:
            await asyncio.to_thread(self._machines.remove, key)
            await asyncio.to_thread(self._disks.release_unused)
        for network in self._networks.values():
            network.machine_gone(key)
        self._empty_trash()

    async def machine_state(self, key: str) -> MachineState:
        """Power state."""
        return await asyncio.to_thread(self._machines.state, key)

    async def attach_disks(self, key: str, disks: tuple[DataDisk, ...]) -> None:
        """Make the machine's data disks equal to these."""
        async with self._locks[key]:
            if self._machines.state(key) is MachineState.ABSENT:
                raise CloudError(f"attach disks to machine {key}", code="NotFound", last_seen="no such machine")
            leader = self._machines.leader(key)
            await asyncio.to_thread(self._disks.attach, key, disks, leader)

    def console(self, key: str) -> Path:
        """The serial console's log."""
        return self._machines.root(key).console

    async def run_command(self, key: str, argv: tuple[str, ...], timeout: float) -> tuple[int, bytes]:
        """Run a command inside a machine; exit code and the merged output."""
        leader = self._machines.leader(key)
        if leader is None:
            state = self._machines.state(key)
            on = state is MachineState.RUNNING
            raise CloudError(
                f"run {argv[0]} in machine {key}",
                code="OperationNotAllowed",
                last_seen="its system is going down, or not up yet" if on else f"the machine is {state}",
                hint="try again in a moment" if on else "start it first",
            )
        return await guest.run_inside(leader, argv, timeout)

    async def ensure_disk(self, plan: DiskPlan) -> None:
        """Create the file, or grow it."""
        async with self._locks[f"disk {plan.key}"]:
            await asyncio.to_thread(self._disks.ensure, plan)

    async def remove_disk(self, key: str) -> None:
        """Delete the file; refused while a machine has it."""
        async with self._locks[f"disk {key}"]:
            await asyncio.to_thread(self._disks.remove, key)

    def _empty_trash(self) -> None:
        """Delete removed machines' files in the background; ``stop`` waits for it."""
        task = asyncio.create_task(asyncio.to_thread(self._machines.empty_trash), name="empty trash")
        self._deletions.add(task)
        task.add_done_callback(self._deletions.discard)

    def _network(self, key: str) -> Network:
        if key not in self._networks:
            self._networks[key] = Network(self._names, key, self._folder / "networks")
        return self._networks[key]
