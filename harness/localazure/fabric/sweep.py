"""Removes everything of one fabric from the host, without its server: what a killed one left, and what a test made.

Found by name alone (names.py), never by a record that could be lost: processes first, then mounts, loop devices, control
groups, links, namespaces and, last, the fabric's share in the host's routes.
"""

from __future__ import annotations

from pathlib import Path

from harness.localazure.fabric import namespaces, uplinks
from harness.localazure.fabric.commands import run
from harness.localazure.fabric.names import Names


def sweep_host(state: Path) -> None:
    """Remove everything of the fabric with this state folder from the host; the folder itself stays.

    :raises CloudError: something could not be removed.
    """
    names = Names(state.absolute())
    _links(names)
    namespaces.remove(sorted(namespaces.existing(names.prefix)))
    uplinks.release_ranges(names)


def _links(names: Names) -> None:
    links = [path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith(names.prefix)]
    if links:
        run(["ip", "-batch", "-"], stdin="".join(f"link del {link}\n" for link in links))
