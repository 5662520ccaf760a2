"""Machines: systemd-nspawn on an overlay of a managed image, in namespaces and control groups of their own.

A machine is detached from the server that started it. Its folder holds its process's id and start time, so a server that comes
back finds it running and leaves it alone. Blocking; the fabric calls it in threads.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import sys
import time
from pathlib import Path

from harness.errors import CloudError
from harness.localazure.fabric import launch, namespaces, networks
from harness.localazure.fabric.api import Condition, MachinePlan, MachineState
from harness.localazure.fabric.cgroups import Hierarchies
from harness.localazure.fabric.commands import attempt
from harness.localazure.fabric.images import Image
from harness.localazure.fabric.names import Names
from harness.localazure.fabric.processes import Process, wait_for_end, with_argument
from harness.localazure.fabric.roots import Root, erase

STARTED = 120.0
"""Seconds until the init process must run; it takes about 0.1, and tens of seconds on an emulated host."""
POWER_OFF = 60.0
"""Seconds a machine may take to power off before it is cut off; it takes about 1, and thirty times as long on an emulated host."""

_PROPAGATED = Path("/run/systemd/nspawn/propagate")
"""Where nspawn makes a folder for each machine, and leaves it if /run is on a disk."""
_CALLS = "@keyring bpf @privileged @raw-io @mount @module"
"""System calls beyond nspawn's default set that kubelet, containerd and their pods use."""


class Machines:
    """The machines of one fabric.

    :param folder: holds one folder a machine.
    """

    def __init__(self, names: Names, folder: Path, hierarchies: Hierarchies) -> None:
        self._names = names
        self._folder = folder
        self.trash = folder.with_name("trash")
        self._hierarchies = hierarchies

    def root(self, key: str) -> Root:
        """The machine's folder, which may not exist."""
        return Root(self._folder / key)

    def process(self, key: str) -> Process | None:
        """The process that is there as long as the machine is on: launch.py's, or nspawn itself in a unit."""
        process = Process.read(self.root(key).pid)
        return process if process and process.alive() else None

    def leader(self, key: str) -> Process | None:
        """The machine's init process, if it runs."""
        tree = family(self.process(key))
        return tree[-1] if tree and tree[-1].command() in launch.INITS and not tree[-1].ending() else None

    def state(self, key: str) -> MachineState:
        """Power state."""
        if not self.root(key).folder.exists():
            return MachineState.ABSENT
        return MachineState.RUNNING if self.process(key) else MachineState.STOPPED

    def stop_launchers(self) -> None:
        """Kill launchers of a server that was killed meanwhile: they would enter the groups of the machine's next boot."""
        if self._hierarchies.unit:
            return  # systemd starts no unit twice
        running = {self.process(entry.name) for entry in self._folder.iterdir()}
        for process, _ in with_argument(f"{self._folder}/"):
            if process not in running:
                process.send(signal.SIGKILL)

    def prepare(self, plan: MachinePlan) -> None:
        """Make the machine's folder, unless it runs or has one.

        :raises CloudError: the image is not complete.
        """
        if not self.process(plan.key):
            self.root(plan.key).prepare(plan, Image.read(plan.image))

    def start(self, plan: MachinePlan) -> None:
        """Boot a prepared machine, unless it already runs.

        :raises CloudError: the init process did not come up.
        """
        root = self.root(plan.key)
        if self.process(plan.key) and not root.leaving.exists() and self._adopted(plan, root):
            return
        self._clear_remains(plan.key)
        networks.ensure_namespaces(self._names, machines={self._names.machine(plan.key)})
        self._launch(plan, root, Image.read(plan.image))
        self._wait_for_init(plan, root)

    def _adopted(self, plan: MachinePlan, root: Root) -> bool:
        """Whether the machine runs; not if it powers itself off at this moment."""
        try:
            self._wait_for_init(plan, root)
        except CloudError:
            if self.process(plan.key):
                raise
            return False
        return True

    def _launch(self, plan: MachinePlan, root: Root, image: Image) -> None:
        name = self._names.machine(plan.key)
        unit = self._hierarchies.unit
        groups = self._hierarchies.make(name, plan.cpus, plan.memory_mib)
        spec = {
            "cgroups": groups,
            "overlay": root.overlay(image),
            "root": str(root.mountpoint),
            "argv": [*_nspawn(name, plan.name, root, image), *_kernel_arguments(plan.condition)],
            "console": str(root.console),
            "pid": str(root.pid),
            "devices": str(root.devices),
            "ready": str(root.ready),
            "detach": not unit,
        }
        root.spec.write_text(json.dumps(spec))
        script = [sys.executable, "-I", "-S", launch.__file__]
        command = [*script, str(root.spec)]
        if unit:
            after = shlex.join([*script, "--show", str(root.spec)])
            command = [*self._hierarchies.unit_arguments(name, plan.cpus, plan.memory_mib, after), *command]
        # A unit counts as started when its disks are shown, for which it waits until the init process runs.
        code, _, errors = attempt(command, timeout=STARTED)
        if code:
            raise CloudError(
                f"boot machine {plan.name}",
                code="VMStartFailed",
                last_seen=errors.strip(),
                hint="`harness doctor` says what this host lacks",
            )

    def _wait_for_init(self, plan: MachinePlan, root: Root) -> None:
        deadline = time.monotonic() + STARTED
        while time.monotonic() < deadline:
            if self.leader(plan.key):
                return
            if Process.read(root.pid) and not self.process(plan.key):
                break
            time.sleep(0.005)
        log = root.console.read_text(errors="replace") if root.console.exists() else ""
        raise CloudError(
            f"boot machine {plan.name}",
            code="VMStartFailed",
            awaited=f"its init process, {STARTED:g} s",
            last_seen=(log.strip().splitlines() or ["an empty console"])[-1],
            hint=f"the console is {root.console}",
            log_tail=log[-4000:],
        )

    def stop(self, key: str, *, hard: bool) -> None:
        """Power off; at once if ``hard`` or if it does not end in time."""
        process = self.process(key)
        if process:
            self.root(key).leaving.touch()  # a server that is killed now leaves a machine that looks as if it ran
        if process and not hard:
            for member in family(process):
                if member.command() == "systemd-nspawn":
                    member.send(signal.SIGTERM)
            wait_for_end([process], POWER_OFF)
        self._clear_remains(key)

    def remove(self, key: str) -> None:
        """Power off at once and remove the namespace and the folder, whose files stay in the trash."""
        self._clear_remains(key)
        networks.remove_machine_namespace(self._names, key)
        self.root(key).discard(self.trash)

    def empty_trash(self) -> None:
        """Delete the files of machines that were removed."""
        if self.trash.exists():
            for folder in self.trash.iterdir():
                erase(folder)

    def _clear_remains(self, key: str) -> None:
        """Kill what is left of the machine and remove its groups."""
        cut_off(self._names.machine(key), self.process(key), self._hierarchies)
        for file in (self.root(key).pid, self.root(key).leaving):
            file.unlink(missing_ok=True)


def family(process: Process | None) -> list[Process]:
    """A machine's processes from the outermost to its init process, as far as they run: launch.py, nspawn, init."""
    tree = [process] if process else []
    while tree and tree[-1].command() not in launch.INITS and (children := tree[-1].children()):
        tree.append(children[0])
    return tree


def cut_off(name: str, process: Process | None, hierarchies: Hierarchies) -> None:
    """Kill a machine: its init process, with which the kernel kills all others of it, then what may be left in its groups.

    :raises CloudError: a process or group of it cannot be removed.
    """
    tree = family(process)
    if tree:
        tree[-1].send(signal.SIGKILL)
        # The others end by themselves once the init process has, and nspawn takes its lock files away; if not, they are killed.
        for survivor in wait_for_end(tree, 5):
            survivor.send(signal.SIGKILL)
        wait_for_end(tree, 5)
    with contextlib.suppress(FileNotFoundError):
        (_PROPAGATED / name).rmdir()
    left = hierarchies.clear(name)
    if left:
        raise CloudError(
            f"power off {name}",
            code="FabricFailure",
            awaited="the end of all its processes, 5 s",
            last_seen=f"still there: {left[0]}, processes {sorted(hierarchies.members(name))[:5]}",
        )


def _kernel_arguments(condition: Condition) -> list[str]:
    """What ``--boot`` hands to the init process, which takes it for the kernel's command line (kernel-command-line(7))."""
    return ["systemd.unit=emergency.target"] if condition is Condition.UNBOOTABLE else []


def _nspawn(name: str, hostname: str, root: Root, image: Image) -> list[str]:
    volumes = dict.fromkeys([*image.volumes, *image.seeds])
    return [
        "systemd-nspawn",
        "--quiet",
        "--register=no",
        "--keep-unit",
        f"--network-namespace-path={namespaces.FOLDER / name}",
        f"--directory={root.mountpoint}",
        f"--machine={name}",
        f"--hostname={hostname}",
        "--boot",
        "--capability=all",
        f"--system-call-filter={_CALLS}",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=read-only",
        *(f"--bind={root.volume(path)}:/{path}" for path in volumes),
    ]
