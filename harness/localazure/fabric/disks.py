"""Managed disks: sparse files, and loop devices while a machine has them.

What is attached is read from the kernel (``/sys/block/*/loop/backing_file``) and from each machine's own list, never remembered:
both outlive a server that was killed. Blocking; the fabric calls it in threads.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from harness import atomic
from harness.errors import CloudError
from harness.localazure.fabric.api import DataDisk, DiskPlan
from harness.localazure.fabric.commands import attempt, run
from harness.localazure.fabric.launch import show
from harness.localazure.fabric.processes import Process, wait_for_end

_GOING = 5.0
"""Seconds in which the init process of a machine has ended that is going down already; it gets its disks at its next start."""

GIB = 1024**3


@dataclass(frozen=True)
class Loop:
    """A loop device of this host."""

    name: str
    backing: Path

    @property
    def device(self) -> Path:
        """Its node on the host."""
        return Path("/dev", self.name)


def loops_below(folder: Path) -> list[Loop]:
    """Loop devices whose file is, or was before it was deleted, in a folder."""
    found = []
    for entry in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            backing = Path(entry.read_text().strip().removesuffix(" (deleted)"))
            if backing.is_relative_to(folder):
                found.append(Loop(entry.parts[3], backing))
    return found


def detach(loops: Iterable[Loop]) -> None:
    """Give loop devices back; one that is still mounted goes when it is unmounted."""
    for loop in loops:
        attempt(["losetup", "--detach", str(loop.device)])


class Disks:
    """The disks of one fabric.

    :param folder: holds one file a disk.
    :param machines: folder that holds one folder a machine.
    """

    def __init__(self, folder: Path, machines: Path) -> None:
        self._folder = folder
        self._machines = machines

    def file(self, key: str) -> Path:
        """The disk's content."""
        return self._folder / key

    def ensure(self, plan: DiskPlan) -> None:
        """Create the file, as a copy if asked, or grow it; an attached disk's device grows with it.

        :raises CloudError: the disk would have to shrink, or what it is a copy of does not exist.
        """
        file, size = self.file(plan.key), plan.size_gib * GIB
        if not file.exists():
            self._create(plan, file)
        now = file.stat().st_size
        if now > size:
            raise CloudError(
                f"resize disk {plan.key} to {plan.size_gib} GiB",
                code="OperationNotAllowed",
                last_seen=f"it has {now // GIB} GiB",
                hint="a managed disk cannot shrink",
            )
        if now < size:
            os.truncate(file, size)
            for loop in self._loops_of(plan.key):
                run(["losetup", "--set-capacity", str(loop.device)])

    def _create(self, plan: DiskPlan, file: Path) -> None:
        unfinished = file.with_name(f"{file.name}.new")
        unfinished.unlink(missing_ok=True)
        if plan.copy_of:
            source = self.file(plan.copy_of)
            if not source.exists():
                raise CloudError(
                    f"copy disk {plan.copy_of} to {plan.key}", code="ResourceNotFound", last_seen=f"{source} is missing"
                )
            run(["cp", "--reflink=auto", "--sparse=always", str(source), str(unfinished)], timeout=600)
        else:
            unfinished.touch()
            os.truncate(unfinished, plan.size_gib * GIB)
        unfinished.replace(file)

    def remove(self, key: str) -> None:
        """Delete the file.

        :raises CloudError: a machine has it.
        """
        holders = sorted(machine for machine, disks in self._attachments().items() if key in disks.values())
        if holders:
            raise CloudError(
                f"delete disk {key}",
                code="OperationNotAllowed",
                last_seen=f"attached to machine {holders[0]}",
                hint="detach it first",
            )
        detach(self._loops_of(key))
        self.file(key).unlink(missing_ok=True)

    def attached(self, machine: str) -> tuple[DataDisk, ...]:
        """The disks a machine has, also while it is off."""
        return tuple(DataDisk(lun, key) for lun, key in sorted(self._attachments().get(machine, {}).items()))

    def attach(self, machine: str, disks: Iterable[DataDisk], leader: Process | None) -> None:
        """Make a machine's disks equal to these; they are in its /dev when this returns, or at its next start.

        :raises CloudError: a disk does not exist.
        """
        wanted = {disk.lun: disk.key for disk in disks}
        missing = [key for key in wanted.values() if not self.file(key).exists()]
        if missing:
            raise CloudError(f"attach disk {missing[0]}", code="ResourceNotFound", last_seen="it has no file")
        _write(self._machines / machine / "disks.json", wanted)
        devices = {str(lun): self._loop(key).name for lun, key in wanted.items()}
        _write(self._machines / machine / "devices.json", devices)
        if leader:
            try:
                show(Path(f"/proc/{leader.pid}/root"), devices)
            except OSError:
                if wait_for_end([leader], _GOING):
                    raise
        self.release_unused()

    def release_unused(self) -> None:
        """Give back the loop devices of disks that no machine has any more."""
        held = {key for disks in self._attachments().values() for key in disks.values()}
        detach(loop for loop in loops_below(self._folder) if loop.backing.name not in held)

    def _loop(self, key: str) -> Loop:
        with FileLock(self._folder / ".loops.lock", timeout=20):
            present = self._loops_of(key)
            if present:
                return present[0]
            device = run(["losetup", "--find", "--show", str(self.file(key))]).strip()
            return Loop(Path(device).name, self.file(key))

    def _loops_of(self, key: str) -> list[Loop]:
        return [loop for loop in loops_below(self._folder) if loop.backing == self.file(key)]

    def _attachments(self) -> dict[str, dict[int, str]]:
        """Machine -> LUN -> disk."""
        found = {}
        for file in self._machines.glob("*/disks.json"):
            with contextlib.suppress(FileNotFoundError):
                found[file.parent.name] = {int(lun): key for lun, key in json.loads(file.read_text()).items()}
        return found


def _write(file: Path, content: object) -> None:
    atomic.write(file, json.dumps(content), parents=False)
