"""What a run could leave on a host, as values that can be compared before and after."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("systemd-nspawn", "containerd", "kubelet", "kube-", "etcd", "e2e.test", "harness.localazure", "cloud-init")


@dataclass(frozen=True)
class HostState:
    """Namespaces, loop devices, mounts, processes and control groups of this host."""

    namespaces: frozenset[str]
    loops: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    routes: frozenset[str]
    processes: frozenset[str]
    cgroups: frozenset[str]

    @classmethod
    def now(cls) -> HostState:
        return cls(
            namespaces=_lines(["ip", "netns", "list"]),
            loops=_lines(["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"]),
            mounts=frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
            links=frozenset(line.split(":")[1].strip() for line in _lines(["ip", "-o", "link"])),
            routes=_lines(["ip", "route", "show", "table", "all"]),
            processes=frozenset(_processes()),
            cgroups=frozenset(str(path) for path in Path("/sys/fs/cgroup").glob("*/*") if path.is_dir()),
        )

    def differences(self, later: HostState) -> list[str]:
        """What is there later that was not there before, a line each."""
        return [
            f"{kind}: {item}"
            for kind in self.__dataclass_fields__
            for item in sorted(getattr(later, kind) - getattr(self, kind))
        ]

    def print_left(self) -> None:
        """Print what is there now that was not there before: how much, and a line each."""
        left = self.differences(HostState.now())
        print(f"left on the host           {len(left)}")
        print("".join(f"  {line}\n" for line in left), end="")


def _lines(argv: list[str]) -> frozenset[str]:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    return frozenset(line.strip() for line in done.stdout.splitlines() if line.strip())


def _processes() -> list[str]:
    """Programs of machines and of local Azure, with their arguments."""
    done = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, timeout=30, check=True)
    running = [line for line in done.stdout.splitlines() if "<defunct>" not in line]  # dead, and for init to reap
    return [" ".join(line.split()) for line in running if any(name in line for name in PROGRAMS)]
