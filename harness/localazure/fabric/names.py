"""How this fabric's things are called on the host, so that another fabric's are never touched.

Every name starts with ``hz`` and four hex digits of the state folder's path: two servers with different state folders may run
side by side, and whoever knows the folder can find and remove what a killed server left. The kernel limits a link's name to 15
characters, so links in the host's own namespace carry a digest of the key instead of the key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

MARK = "hz"
"""First letters of everything any fabric makes on a host."""


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True)
class Names:
    """Names derived from the state folder.

    :param state: absolute folder of the server that owns the things named.
    """

    state: Path

    @property
    def prefix(self) -> str:
        """What every name of this fabric starts with: six characters."""
        return MARK + _digest(str(self.state.resolve()), 4)

    def network(self, key: str) -> str:
        """Network namespace of a virtual network."""
        return f"{self.prefix}n{key}"

    def machine(self, key: str) -> str:
        """Network namespace, cgroup and nspawn machine of a virtual machine."""
        return f"{self.prefix}m{key}"

    def uplink(self, network: str) -> str:
        """Link in the host's namespace that leads to a network's public addresses."""
        return f"{self.prefix}u{_digest(network, 8)}"

    def machine_key(self, name: str) -> str | None:
        """Key of the machine that is called so; ``None`` if the name is not one of this fabric's machines."""
        start = f"{self.prefix}m"
        return name[len(start) :] if name.startswith(start) else None

    def network_key(self, name: str) -> str | None:
        """Key of the network that is called so; ``None`` if the name is not one of this fabric's networks."""
        start = f"{self.prefix}n"
        return name[len(start) :] if name.startswith(start) else None


def nic_link(key: str) -> str:
    """Link of a NIC in its network's namespace."""
    return f"n{key}"


UPLINK = "uplink"
"""The network's end of the link to the host."""
