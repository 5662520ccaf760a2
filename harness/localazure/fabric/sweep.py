"""Removes everything of one fabric from the host, without its server: what a killed one left, and what a test made.

Found by name alone (names.py), never by a record that could be lost: machines first, then loop devices, links, namespaces, the
folder and, last, the fabric's share in the host's routes. A machine's mounts are its own and end with it.
"""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.localazure.fabric import host, namespaces
from harness.localazure.fabric.cgroups import Hierarchies
from harness.localazure.fabric.commands import run
from harness.localazure.fabric.disks import detach, loops_below
from harness.localazure.fabric.machines import cut_off
from harness.localazure.fabric.names import Names
from harness.localazure.fabric.processes import with_argument
from harness.localazure.fabric.roots import erase


def sweep_host(state: Path) -> None:
    """Remove everything of the fabric with this state folder from the host, its machines' and disks' files included.

    :raises CloudError: something could not be removed.
    """
    names = Names(state.absolute())
    folder = state.absolute() / "fabric"
    _machines(names, folder)
    detach(loops_below(folder))
    links = [path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith(names.prefix)]
    if links:
        run(["ip", "-batch", "-"], stdin="".join(f"link del {link}\n" for link in links))
    namespaces.remove(sorted(namespaces.existing(names.prefix)))
    if folder.exists():
        erase(folder)
    host.release(names)


def _machines(names: Names, folder: Path) -> None:
    hierarchies = Hierarchies.of_host()
    # What would start them again goes first.
    launchers = [process for process, _ in with_argument(f"{folder}/machines/")]
    for launcher in launchers:
        launcher.send(signal.SIGKILL)
    option = "--machine="
    running = {
        argument.removeprefix(option): process for process, argument in with_argument(f"{option}{names.prefix}m")
    }
    doomed = sorted({*running, *hierarchies.named(f"{names.prefix}m")})
    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in pool.map(lambda name: cut_off(name, running.get(name), hierarchies), doomed):
            pass
