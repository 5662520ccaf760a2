"""What all fabrics of a host share: the public ranges' routes and kernel limits. The first one sets them, the last one restores them.

Public addresses come from TEST-NET ranges. While no network answers for one of them its packets must not go out to a real
network, so the ranges are ``unreachable`` as long as any fabric works, but for what the host itself uses of them (reserved.py).
Three machines of systemd, containerd and kubelet need more
inotify instances than the 128 that a kernel grants a user, and all of them are root's.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from harness.errors import UsageError
from harness.localazure.fabric import namespaces, reserved
from harness.localazure.fabric.api import PUBLIC_RANGES
from harness.localazure.fabric.commands import attempt, run
from harness.localazure.fabric.names import MARK, Names
from harness.localazure.fabric.wiring import PROTOCOL

LOCK = Path("/run/lock/hz-fabric.lock")
"""Stays: whoever waits for a lock file that somebody removes would share the host with the next one."""
USERS = Path("/run/hz-fabric")
"""One file for each fabric of this host, and the limits as they were before."""
LIMITS = {"fs/inotify/max_user_instances": 8192, "fs/inotify/max_user_watches": 1048576}
"""Kernel parameters that must be at least so high."""
PROGRAMS = {
    "ip": "iproute2",
    "nft": "nftables",
    "conntrack": "conntrack",
    "systemd-nspawn": "systemd-container",
    "losetup": "mount",
    "nsenter": "util-linux",
    "modprobe": "kmod",
}
"""Programs the fabric runs -> the Debian package that has each."""
MODULES = {
    "overlay": Path("/sys/module/overlay"),
    "loop": Path("/dev/loop-control"),
    "br_netfilter": Path("/proc/sys/net/bridge"),
}
"""Parts of the kernel that machines need and cannot load themselves -> what is there once the host has them.

Without the last one a pod that asks a Service and is answered by a pod of its own node gets the answer from an address it never
asked: the answer crosses the pods' bridge without being translated back.
"""
_BEFORE = "limits.json"


@dataclass(frozen=True)
class Lack:
    """Something the fabric needs and this host has not."""

    what: str
    fix: str
    """What to do, ideally a command."""


def lacks() -> list[Lack]:
    """What this host lacks, for ``harness doctor``; empty if the fabric can work."""
    found = [] if os.geteuid() == 0 else [Lack("root", "run as root")]
    found += [
        Lack(f"the program {program}", f"apt-get install {package}")
        for program, package in PROGRAMS.items()
        if not shutil.which(program)
    ]
    found += [
        Lack(f"{name} in the kernel", f"use a kernel that has it, built in or as a module: modprobe {name}")
        for name in MODULES
        if not (present(name) or loadable(name))
    ]
    kernel = Path("/proc/filesystems").read_text().split()
    if not any(name in kernel for name in ("cgroup", "cgroup2")):
        found.append(Lack("control groups in the kernel", "use a kernel with CONFIG_CGROUPS"))
    return found


def present(module: str) -> bool:
    """Whether the kernel has it now, built in or loaded."""
    return MODULES[module].exists() or module in Path("/proc/filesystems").read_text().split()


def loadable(module: str) -> bool:
    """Whether it can be loaded."""
    return bool(shutil.which("modprobe")) and not attempt(["modprobe", "--dry-run", "--quiet", module])[0]


def check() -> None:
    """Refuse a host on which the fabric cannot work.

    :raises UsageError: it lacks something; the first thing is named.
    """
    for lack in lacks():
        raise UsageError("start the fabric", last_seen=f"this host lacks {lack.what}", hint=lack.fix)


def host_lock() -> FileLock:
    """Taken by whoever changes what fabrics share."""
    return FileLock(LOCK, timeout=20)


def claim(names: Names) -> None:
    """Prepare the host for this fabric and any other. Modules it loads stay: nothing of a fabric would tell who else uses them."""
    for module in MODULES:
        if not present(module):
            run(["modprobe", module])
    with host_lock():
        USERS.mkdir(exist_ok=True)
        (USERS / names.prefix).write_text(f"{names.state}\n")
        lines = reserved.routes(reserved.of_host(), PROTOCOL)
        lines += [f"route replace unreachable {prefix} proto {PROTOCOL}\n" for prefix in PUBLIC_RANGES]
        run(["ip", "-batch", "-"], stdin="".join(lines))
        _raise_limits(USERS / _BEFORE)


def release(names: Names) -> None:
    """Let go of the host; the last fabric leaves it as it was before the first."""
    with host_lock():
        if not USERS.exists():
            return
        (USERS / names.prefix).unlink(missing_ok=True)
        claims = [path for path in USERS.iterdir() if path.name.startswith(MARK)]
        # A claim whose state folder is gone is nobody's any more.
        if [claim for claim in claims if Path(claim.read_text().strip()).exists()]:
            return
        for claim in claims:
            claim.unlink()
        for prefix in PUBLIC_RANGES:
            attempt(["ip", "route", "del", "unreachable", str(prefix), "proto", PROTOCOL])
        for address in reserved.of_host():
            attempt(["ip", "route", "del", f"{address}/32", "proto", PROTOCOL])
        _restore_limits(USERS / _BEFORE)
        namespaces.leave_folder()
        shutil.rmtree(USERS)


def _raise_limits(before: Path) -> None:
    found = {name: int(Path("/proc/sys", name).read_text()) for name in LIMITS}
    raised = {name: value for name, value in found.items() if value < LIMITS[name]}
    if not raised:
        return
    known = json.loads(before.read_text()) if before.exists() else {}
    before.write_text(json.dumps({**raised, **known}))
    for name in raised:
        Path("/proc/sys", name).write_text(str(LIMITS[name]))


def _restore_limits(before: Path) -> None:
    if before.exists():
        for name, value in json.loads(before.read_text()).items():
            Path("/proc/sys", name).write_text(str(value))
        before.unlink()
