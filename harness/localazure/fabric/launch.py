"""Turns itself into a machine's systemd-nspawn, detached from whoever started it; run as a script, standard library only.

``python -I -S launch.py SPEC`` where SPEC is a JSON file with ``cgroups`` (what to enter: folder, and the file system type, options
and place of its hierarchy), ``overlay`` (mount options) and ``root`` (where it is mounted), ``argv``, ``console`` and ``pid`` (file
that will hold process id and start time), and ``detach`` (whether to become a session of its own; a service manager wants the
process to stay).

nspawn takes the paths in /proc/self/cgroup for paths below the hierarchies' mount points. In a cgroup namespace that is only so
if they are mounted inside of it; otherwise it makes ``/payload`` and ``/supervisor`` at the very top, where all machines of the host
would share them and their systemds would wait for each other's processes.

The overlay is mounted in a mount namespace of its own: it is gone with the machine's last process, whoever killed it, and the
host's mounts stay as they were. That namespace stays a slave of the host's, so that network namespaces which the host lets go
of are not kept alive by their copies here.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

_CLONE_NEWNS = 0x00020000
_CLONE_NEWCGROUP = 0x02000000
_MNT_DETACH = 2
_MS_REC_SLAVE = 0x4000 | 0x80000


def _call(libc: ctypes.CDLL, name: str, *arguments: Any) -> None:
    if getattr(libc, name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def start_time(pid: int) -> int:
    """Clock ticks after boot at which a process started: with its id, what tells it from any other."""
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib would double this script's start-up time
        return int(file.read().rpartition(b")")[2].split()[19])


def _become(spec: dict[str, Any]) -> None:
    for group in spec["cgroups"]:
        with open(f"{group['folder']}/cgroup.procs", "w") as file:  # noqa: PTH123
            file.write("0")
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
    unfinished = spec["pid"] + ".new"
    with open(unfinished, "w") as file:  # noqa: PTH123
        json.dump({"pid": os.getpid(), "start": start_time(os.getpid())}, file)
    os.rename(unfinished, spec["pid"])  # noqa: PTH104
    environment = {"PATH": os.environ.get("PATH", os.defpath), "SYSTEMD_NSPAWN_USE_CGNS": "1"}
    os.execvpe(spec["argv"][0], spec["argv"], environment)  # noqa: S606 - no shell is the point


def main() -> int:
    """Start what the file named on the command line says; the message of a failure goes to standard error."""
    with open(sys.argv[1]) as file:  # noqa: PTH123
        spec = json.load(file)
    if not spec["detach"]:
        _become(spec)
    receive, send = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(send)
        message = os.read(receive, 4096)
        sys.stderr.write(message.decode())
        return 1 if message else 0
    try:
        os.setsid()
        _become(spec)
    except BaseException as error:
        os.write(send, f"{error}".encode()[:4096] or b"?")
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
