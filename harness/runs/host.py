"""What this host has and lacks, each with the command that puts it right: ``harness doctor``, and the checks before every run.

Only the local cloud makes machines here; a run on Azure needs no more than disk space.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.builds.toolchain import find_toolchain
from harness.errors import UsageError
from harness.settings import Settings

_GIB = 1024**3
_DISK_NEEDED = 4 * _GIB
_DISK_WANTED = 20 * _GIB
_MEMORY_WANTED = 4 * _GIB

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "nsenter": "util-linux",
    "gcc": "gcc",
    "zstd": "zstd",
    "git": "git",
    "modprobe": "kmod",
}
"""Program -> Debian package that brings it; scripts/setup installs them."""


@dataclass(frozen=True)
class Check:
    """One line of ``harness doctor``."""

    name: str
    ok: bool
    found: str
    """What is there."""
    fix: str = ""
    """The command that puts it right."""
    fatal: bool = False
    """A run on this cloud cannot start without it."""


@dataclass(frozen=True)
class Host:
    """How the host is looked at; a test gives its own answers."""

    euid: Callable[[], int] = os.geteuid
    which: Callable[[str], str | None] = field(default=lambda name: shutil.which(name, path=_path()))
    run: Callable[[Sequence[str]], str] = field(default=lambda argv: _complaint(argv))
    """Empty when the command worked, else what it said."""
    free: Callable[[Path], int] = field(default=lambda path: shutil.disk_usage(_existing(path)).free)
    read: Callable[[str], str] = field(default=lambda path: _read(path))
    go: Callable[[], Check] = field(default=lambda: _go())


def examine(settings: Settings, host: Host | None = None) -> list[Check]:
    """Every check, in the order in which a person should put things right."""
    host = host or Host()
    local = settings.cloud == "local"
    return [*(_machines(host) if local else ()), *_programs(host, local), *_room(settings, host)]


def preflight(settings: Settings, host: Host | None = None) -> None:
    """Raise ``UsageError`` for the first thing without which a run cannot start."""
    for check in examine(settings, host):
        if check.fatal and not check.ok:
            raise UsageError(
                f"this host cannot run --cloud {settings.cloud}: {check.name}: {check.found}", hint=f"fix: {check.fix}"
            )


def _machines(host: Host) -> Iterator[Check]:
    root = host.euid() == 0
    yield Check("root", root, "yes" if root else "not root", "sudo -E harness ...", fatal=True)
    overlay = "\toverlay\n" in host.read("/proc/filesystems")
    yield _kernel(host, "overlay", "overlay", overlay)
    yield _command(
        host, "nftables", ("nft", "list", "tables"), "apt-get install nftables; modprobe nf_tables", needs_root=root
    )
    yield _command(
        host,
        "network namespaces",
        ("unshare", "--net", "true"),
        "use a kernel with CONFIG_NET_NS, or a privileged container",
        needs_root=root,
    )
    yield _cgroups(host)
    yield _kernel(host, "loop devices", "loop", " loop\n" in host.read("/proc/devices"))
    yield _kernel(
        host, "bridge filter", "br_netfilter", bool(host.read("/proc/sys/net/bridge/bridge-nf-call-iptables"))
    )


def _kernel(host: Host, name: str, module: str, present: bool) -> Check:
    """Built in, loaded, or a module that local Azure loads when it starts."""
    can = present or (host.which("modprobe") is not None and not host.run(("modprobe", "--dry-run", "--quiet", module)))
    found = "yes" if present else "yes, as a module" if can else f"not in this kernel, and there is no module {module}"
    return Check(name, can, found, f"modprobe {module}, or use a kernel that has it", fatal=True)


def _command(host: Host, name: str, argv: Sequence[str], fix: str, *, needs_root: bool) -> Check:
    if host.which(argv[0]) is None:
        return Check(name, False, f"{argv[0]} is not installed", fix, fatal=True)
    complaint = host.run(argv) if needs_root else "only root can tell"
    return Check(name, not complaint, complaint or "yes", fix, fatal=True)


def _cgroups(host: Host) -> Check:
    unified = host.read("/sys/fs/cgroup/cgroup.controllers").split()
    legacy = [line.split()[0] for line in host.read("/proc/cgroups").splitlines() if not line.startswith("#")]
    version, controllers = ("v2", unified) if unified else ("v1", legacy)
    missing = [name for name in ("cpu", "cpuset", "memory", "pids") if name not in controllers]
    found = f"{version}, without {', '.join(missing)}" if missing else version
    return Check("control groups", not missing, found, "boot with cgroup_enable=memory", fatal=True)


def _programs(host: Host, local: bool) -> Iterator[Check]:
    if local:
        missing = {program: package for program, package in PROGRAMS.items() if host.which(program) is None}
        packages = " ".join(sorted(set(missing.values())))
        found = f"missing: {', '.join(missing)}" if missing else "installed"
        yield Check("Debian packages", not missing, found, f"apt-get install {packages}", fatal=True)
    yield host.go()


def _go() -> Check:
    """The answer that a build would get."""
    try:
        toolchain = find_toolchain()
    except UsageError as error:
        return Check("go", False, error.last_seen, "scripts/setup", fatal=True)
    return Check("go", True, f"{toolchain.version}, {toolchain.go}")


def _room(settings: Settings, host: Host) -> Iterator[Check]:
    for name, path in (("cache", settings.cache), ("state", settings.state), ("reports", settings.reports)):
        free = host.free(path)
        text = f"{free / _GIB:.1f} GiB free at {path}"
        needed = _DISK_NEEDED if name != "reports" else _DISK_NEEDED // 16
        fix = f"free {max(0, _DISK_WANTED - free) / _GIB:.0f} GiB, or choose another disk with --{name}"
        if free < needed:
            yield Check(f"room for {name}", False, f"only {text}", fix, fatal=True)
        else:
            yield Check(f"room for {name}", free >= _DISK_WANTED or name == "reports", text, fix)
    available = sum(
        int(line.split()[1]) * 1024 for line in host.read("/proc/meminfo").splitlines() if "MemAvailable" in line
    )
    yield Check("memory", available >= _MEMORY_WANTED, f"{available / _GIB:.1f} GiB available", "stop something large")


def _path() -> str:
    """PATH, where root's programs are missing from many a user's, with the virtual environment's own."""
    return os.pathsep.join((str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def _complaint(argv: Sequence[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:  # not there: for these files that is the answer
        return ""
