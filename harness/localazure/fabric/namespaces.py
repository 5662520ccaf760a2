"""Network namespaces: made and removed by ``ip``, entered by a thread of their own.

A thread that calls setns(2) must never return to a pool: should the way back fail, the next user would work in the wrong
network. So every entry is a fresh thread that ends inside. What it starts or opens there (a program, a socket) stays there.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

from harness.errors import CloudError
from harness.localazure.fabric.commands import attempt, run

T = TypeVar("T")

FOLDER = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


def existing(prefix: str) -> set[str]:
    """Names of the namespaces that start with the prefix."""
    try:
        return {name for name in os.listdir(FOLDER) if name.startswith(prefix)}  # noqa: PTH208 - names, not paths
    except FileNotFoundError:
        return set()


def create(names: Iterable[str]) -> None:
    """Make namespaces that do not exist yet."""
    lines = [f"netns add {name}\n" for name in names]
    if lines:
        run(["ip", "-batch", "-"], stdin="".join(lines))


def remove(names: Iterable[str]) -> None:
    """Remove namespaces; those that are gone already are no error."""
    lines = [f"netns del {name}\n" for name in names if (FOLDER / name).exists()]
    if lines:
        run(["ip", "-force", "-batch", "-"], stdin="".join(lines))


def leave_folder() -> None:
    """Undo the mount that ``ip`` makes of the folder with the host's first namespace, once no namespace of anybody's is in it.

    The folder itself stays: another ``ip`` that begins at this moment may count on it.
    """
    # Not Path.is_mount: the folder is bound to itself, on the same device.
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    if str(FOLDER) in mounts and not any(FOLDER.iterdir()):
        attempt(["umount", str(FOLDER)])


def inside(name: str, action: Callable[[], T]) -> T:
    """Do something in a namespace and return its result; exceptions pass through.

    :raises CloudError: the namespace cannot be entered.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def body() -> None:
        try:
            _enter(name)
            results.append(action())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=body, name=f"netns-{name}", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _enter(name: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        descriptor = os.open(FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise CloudError(f"enter network namespace {name}", code="FabricFailure", last_seen="it is gone") from error
    try:
        if libc.setns(descriptor, _CLONE_NEWNET):
            reason = os.strerror(ctypes.get_errno())
            raise CloudError(f"enter network namespace {name}", code="FabricFailure", last_seen=reason)
    finally:
        os.close(descriptor)


def write_sysctls(name: str, values: Mapping[str, str]) -> None:
    """Set ``net.*`` parameters of a namespace; keys are paths below /proc/sys/net. Those this kernel lacks are left out."""

    def write() -> None:
        for key, value in values.items():
            path = Path("/proc/sys/net") / key
            if path.exists():
                path.write_text(value)

    inside(name, write)


def open_socket(name: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A non-blocking IPv4 socket that belongs to the namespace, whoever uses it later."""

    def make() -> socket.socket:
        opened = socket.socket(socket.AF_INET, kind)
        opened.setblocking(False)
        return opened

    return inside(name, make)


def listening_socket(name: str, address: IPv4Address, port: int) -> socket.socket:
    """A listening TCP socket in the namespace.

    :raises CloudError: the address is not the namespace's, or the port is taken.
    """
    opened = open_socket(name)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((str(address), port))
        opened.listen(128)
    except OSError as error:
        opened.close()
        raise CloudError(
            f"listen on {address}:{port} in {name}", code="FabricFailure", last_seen=error.strerror or str(error)
        ) from error
    return opened
