"""Control groups of machines, on hosts with cgroup v1 (hybrid) and v2, with and without systemd as the first process.

On v1, and on v2 without systemd, every machine gets a group of its own at the top of each hierarchy and its launcher enters
them. Where systemd runs the host and cgroup2 is mounted at /sys/fs/cgroup, groups are systemd's business: the launcher becomes a
transient unit with a delegated subtree.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.localazure.fabric.commands import attempt
from harness.localazure.fabric.launch import REBOOT
from harness.localazure.fabric.processes import Process

TOP = Path("/sys/fs/cgroup")
SLICE = "machine.slice"
"""Where systemd puts virtual machines and containers."""
_SERVICE = ".service"


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy of control groups."""

    place: Path
    type: str
    """``cgroup`` or ``cgroup2``."""
    options: str
    """That mount the same hierarchy again: its controllers, or its name."""


@dataclass(frozen=True)
class Hierarchies:
    """How this host groups processes.

    :param mounted: v1 controllers, named hierarchies included, and cgroup2.
    :param systemd: whether systemd is the host's first process.
    """

    mounted: tuple[Hierarchy, ...]
    systemd: bool

    @classmethod
    def of_host(cls) -> Hierarchies:
        """Read the host's mounts."""
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        found = {
            Path(place): Hierarchy(Path(place), kind, _own_options(options) if kind == "cgroup" else "")
            for _, place, kind, options, *_ in mounts
            if kind in ("cgroup", "cgroup2") and Path(place).is_relative_to(TOP)
        }
        return cls(tuple(found.values()), systemd=Path("/run/systemd/system").is_dir())

    @property
    def unit(self) -> bool:
        """Whether machines are transient units of the host's systemd."""
        return self.systemd and any(item.place == TOP for item in self.mounted)

    def folders(self, name: str) -> tuple[Path, ...]:
        """A machine's own groups, which may not exist."""
        if self.unit:
            return (TOP / SLICE / f"{name}{_SERVICE}",)
        return tuple(item.place / name for item in self.mounted)

    def make(self, name: str, cpus: int, memory_mib: int) -> list[dict[str, str]]:
        """Make a machine's groups and limits; return what the launcher enters and mounts (see launch.py).

        :param cpus: weight of the machine against its neighbours; it may use all CPUs that are idle.
        """
        if self.unit:
            return []
        if len(self.mounted) == 1 and self.mounted[0].type == "cgroup2":
            _write(self.mounted[0].place / "cgroup.subtree_control", "+cpu +memory +pids +io +cpuset")
        return [
            {
                "folder": str(_make(item.place / name, cpus, memory_mib)),
                "type": item.type,
                "place": str(item.place),
                "options": item.options,
            }
            for item in self.mounted
        ]

    def unit_arguments(self, name: str, cpus: int, memory_mib: int, after: str) -> list[str]:
        """The command that runs a machine's launcher as a transient unit, and again when the machine reboots itself.

        :param after: command line that systemd runs after each start.
        """
        properties = {
            "Delegate": "yes",
            "KillMode": "mixed",
            "TasksMax": "infinity",
            "SuccessExitStatus": str(REBOOT),
            "RestartForceExitStatus": str(REBOOT),
            "ExecStartPost": after,
            "MemoryMax": f"{memory_mib}M",
            "CPUWeight": str(min(10000, 100 * cpus)),
        }
        settings = [item for key, value in properties.items() for item in ("-p", f"{key}={value}")]
        return ["systemd-run", "--quiet", "--collect", f"--unit={name}", f"--slice={SLICE}", *settings]

    def members(self, name: str) -> set[int]:
        """Ids of all processes in a machine's groups."""
        pids: set[int] = set()
        for folder in self.folders(name):
            for inner in _below(folder):
                with contextlib.suppress(OSError):
                    pids.update(map(int, (inner / "cgroup.procs").read_text().split()))
        return pids

    def clear(self, name: str, limit: float = 5.0) -> list[Path]:
        """Kill what is in a machine's groups and remove them; return those that could not be removed in time.

        Again and again: a process may fork, or a launcher enter, between being listed and being killed.

        :param limit: seconds.
        """
        self._kill(name)
        if self.unit:
            # This waits until systemd knows that its processes are gone, so that the name can be used again.
            attempt(["systemctl", "stop", f"{name}{_SERVICE}"])
        deadline = time.monotonic() + limit
        left = list(self.folders(name))
        while left := [folder for folder in left if not _removed(folder)]:
            if time.monotonic() > deadline:
                return left
            self._kill(name)
            time.sleep(0.005)
        return []

    def _kill(self, name: str) -> None:
        for process in filter(None, map(Process.of, self.members(name))):
            process.send(signal.SIGKILL)

    def named(self, prefix: str) -> set[str]:
        """Names of machines' groups that start with the prefix."""
        found = (path for pattern in self.folders(f"{prefix}*") for path in pattern.parent.glob(pattern.name))
        return {path.name.removesuffix(_SERVICE) for path in found}


def _own_options(options: str) -> str:
    """Of a v1 mount's options, those that say which hierarchy it is."""
    general = {"rw", "ro", "nosuid", "nodev", "noexec", "relatime", "noatime", "xattr", "clone_children"}
    own = [item for item in options.split(",") if item not in general and not item.startswith("release_agent=")]
    named = any(item.startswith("name=") for item in own)
    return ",".join(["none", *own] if named else own)


def _make(folder: Path, cpus: int, memory_mib: int) -> Path:
    folder.mkdir(exist_ok=True)
    parent = folder.parent
    if (folder / "cpuset.mems").exists() and (parent / "cgroup.clone_children").exists():
        for name in ("cpuset.cpus", "cpuset.mems"):
            _write(folder / name, (parent / name).read_text().strip())
        _write(folder / "cgroup.clone_children", "1")
    limits = {
        "cpu.shares": str(1024 * cpus),
        "cpu.weight": str(min(10000, 100 * cpus)),
        "memory.limit_in_bytes": f"{memory_mib}M",
        "memory.max": f"{memory_mib}M",
    }
    for name, value in limits.items():
        if (folder / name).exists():
            _write(folder / name, value)
    return folder


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def _below(folder: Path) -> Iterator[Path]:
    """The folder and all groups in it, innermost first."""
    if folder.exists():
        for path, _, _ in os.walk(folder, topdown=False):
            yield Path(path)


def _removed(folder: Path) -> bool:
    """Try to remove a group and all in it; whether it is gone."""
    for inner in _below(folder):
        with contextlib.suppress(OSError):
            inner.rmdir()
    return not folder.exists()
