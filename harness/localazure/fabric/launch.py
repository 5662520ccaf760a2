"""Starts a machine's systemd-nspawn, detached from whoever asked, and again when the machine reboots itself.

Run as a script, standard library only, so that it starts in milliseconds: ``python -I -S launch.py [--show] SPEC``, where SPEC is a
JSON file with ``cgroups`` (what to enter: folder, and the file system type, options and place of its hierarchy), ``overlay`` (mount
options) and ``root`` (where it is mounted), ``argv``, ``console`` and ``pid`` (file that will hold process id and start time),
``devices`` (file that lists the data disks), ``ready`` (shell script to run in the machine once its init process runs, at every boot;
need not exist) and ``detach`` (whether to become a session of its own that watches nspawn; a service manager does both itself).
``--show`` only does what is done once the init process of the running machine runs.

nspawn takes the paths in /proc/self/cgroup for paths below the hierarchies' mount points. In a cgroup namespace that is only so
if they are mounted inside of it; otherwise it makes ``/payload`` and ``/supervisor`` at the very top, where all machines of the host
would share them and their systemds would wait for each other's processes.

The overlay is mounted in a mount namespace of its own: it is gone with the machine's last process, whoever killed it, and the
host's mounts stay as they were. That namespace stays a slave of the host's, so that network namespaces which the host lets go
of are not kept alive by their copies here.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

REBOOT = 133
"""Exit code by which nspawn asks to be started again (systemd-nspawn(1), --keep-unit)."""
INITS = ("systemd", "init")
"""Names under which the kernel shows a machine's first process once it runs its own program."""
LUNS = "dev/disk/azure/scsi1"
"""Where Azure's udev rules put data disks; drivers look here."""
_CLONE_NEWNS = 0x00020000
_CLONE_NEWCGROUP = 0x02000000
_MNT_DETACH = 2
_MS_REC_SLAVE = 0x4000 | 0x80000
_INIT_LIMIT = 120.0
"""Seconds to wait for the init process before its disks are given up."""


def start_time(pid: int) -> int:
    """Clock ticks after boot at which a process started: with its id, what tells it from any other."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


def show(root: Path, devices: dict[str, str]) -> None:
    """Make nodes and LUN links in a running machine, and take away those of other disks.

    :param root: the machine's root, as its init process sees it (``/proc/PID/root``).
    :param devices: LUN -> name of the block device, in the machine as on the host.
    """
    luns = root / LUNS
    luns.mkdir(parents=True, exist_ok=True)
    wanted = {f"lun{lun}": name for lun, name in devices.items()}
    for link in luns.iterdir():
        name = link.readlink().name
        if wanted.get(link.name) != name:
            link.unlink()
            if name not in wanted.values():
                (root / "dev" / name).unlink(missing_ok=True)
    for lun, name in wanted.items():
        number = Path("/dev", name).stat().st_rdev
        with contextlib.suppress(FileExistsError):
            os.mknod(root / "dev" / name, stat.S_IFBLK | 0o660, number)
        with contextlib.suppress(FileExistsError):
            (luns / lun).symlink_to(f"/dev/{name}")


def _call(libc: ctypes.CDLL, name: str, *arguments: Any) -> None:
    if getattr(libc, name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _join(folder: str) -> None:
    """Move this process into a control group."""
    Path(folder, "cgroup.procs").write_text("0")


def _enter(spec: dict[str, Any]) -> None:
    """Enter the machine's groups and namespaces, mount its root, and write to its console from now on."""
    for group in spec["cgroups"]:
        _join(group["folder"])
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc, "unshare", _CLONE_NEWNS | (_CLONE_NEWCGROUP if spec["cgroups"] else 0))
    _call(libc, "mount", b"none", b"/", None, ctypes.c_ulong(_MS_REC_SLAVE), None)
    for group in spec["cgroups"]:
        kind, place, options = (group[key].encode() for key in ("type", "place", "options"))
        _call(libc, "umount2", place, _MNT_DETACH)
        _call(libc, "mount", kind, place, kind, ctypes.c_ulong(0), options or None)
    _call(libc, "mount", b"overlay", spec["root"].encode(), b"overlay", ctypes.c_ulong(0), spec["overlay"].encode())
    console = os.open(spec["console"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    os.dup2(console, 1)
    os.dup2(console, 2)
    unfinished = Path(spec["pid"] + ".new")
    unfinished.write_text(json.dumps({"pid": os.getpid(), "start": start_time(os.getpid())}))
    unfinished.replace(spec["pid"])


def _become_nspawn(spec: dict[str, Any]) -> NoReturn:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "SYSTEMD_NSPAWN_USE_CGNS": "1"}
    os.execvpe(spec["argv"][0], spec["argv"], environment)  # noqa: S606 - no shell is the point


def _watch(spec: dict[str, Any]) -> int:
    """Run nspawn until the machine is off; return its exit code."""
    alone = [group["place"] for group in spec["cgroups"]] if len(spec["cgroups"]) == 1 else []
    for place in alone:
        # cgroup2 hands controllers down only from groups without processes: this one must not sit beside nspawn's.
        Path(place, "watch").mkdir(exist_ok=True)
        _join(f"{place}/watch")
    while True:
        pid = os.fork()
        if not pid:
            for place in alone:
                _join(place)
            _become_nspawn(spec)
        _show_disks(spec, pid)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != REBOOT:
            return code


def _show_disks(spec: dict[str, Any], nspawn: int) -> None:
    """Make the disks' nodes once nspawn has set up the machine's /dev, which is when it starts the init process."""
    deadline = time.monotonic() + _INIT_LIMIT
    # A process that ended has no program any more, also while nobody waited for it.
    while time.monotonic() < deadline and Path(f"/proc/{nspawn}/exe").exists():
        init = _init_of(nspawn)
        if init:
            devices = Path(spec["devices"])
            if devices.exists():
                show(Path(f"/proc/{init}/root"), json.loads(devices.read_text()))
            if Path(spec["ready"]).exists():
                _run(Path(spec["ready"]), init)
            return
        time.sleep(0.005)


def _run(script: Path, init: str) -> None:
    """Run a script in a machine; what it says goes to the console."""
    import subprocess  # not above: most machines have no script, and start without what this costs

    # In its process ids too, or its /proc would not know the script.
    argv = ["nsenter", f"--target={init}", "--mount", "--pid", "--", "/bin/sh", "-s"]
    with script.open() as text, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(argv, stdin=text, timeout=_INIT_LIMIT)


def _started(file: Path) -> int:
    """The process id that the launcher writes; a service manager asks for disks while the launcher still starts."""
    deadline = time.monotonic() + _INIT_LIMIT
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = json.loads(file.read_text())
            if start_time(found["pid"]) == found["start"]:
                return int(found["pid"])
        time.sleep(0.005)
    raise TimeoutError(f"no process wrote {file} in {_INIT_LIMIT:g} s")


def _init_of(nspawn: int) -> str:
    """Id of the machine's init process; empty before it runs."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() in INITS:
                return child
    return ""


def _detached(spec: dict[str, Any]) -> int:
    """Go on in a session of its own; return once that works, or print why it does not."""
    receive, send = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(send)
        message = os.read(receive, 4096)
        sys.stderr.write(message.decode())
        return 1 if message else 0
    code = 1
    try:
        os.setsid()
        _enter(spec)
        os.close(send)
        send = -1
        code = _watch(spec)
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
        os.write(2 if send < 0 else send, text.encode()[:4096])
    os._exit(code & 0xFF)


def main() -> int:
    """Do what the command line says; the message of a failure goes to standard error."""
    spec = json.loads(Path(sys.argv[-1]).read_text())
    if "--show" in sys.argv:
        _show_disks(spec, _started(Path(spec["pid"])))
        return 0
    if spec["detach"]:
        return _detached(spec)
    _enter(spec)
    _become_nspawn(spec)


if __name__ == "__main__":
    sys.exit(main())
