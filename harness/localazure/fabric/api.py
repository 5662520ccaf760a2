"""The fabric makes resources real on one Linux host; this is all that the ARM side knows of it.

The ARM side never tells the fabric *how to change*. It computes, from the store alone, the whole wanted state of a virtual
network (:class:`NetworkPlan`), a machine (:class:`MachinePlan`) or a disk (:class:`DiskPlan`) and applies it; the fabric
compares with what is there. Every operation is therefore idempotent, and a server that was killed comes back by applying the
plans of everything in its store: what already runs is adopted, never restarted.

A virtual network is one network namespace that routes. A NIC is a veth between that namespace and the machine's own; every
machine sees its subnet through proxy ARP, so that all traffic, also between neighbours, passes layer 3 of the namespace as it
does in Azure. That is what makes load balancing, internal frontends and security rules exact for neighbours too.

``key`` is everywhere a short, stable, lower-case string ([a-z0-9]{1,10}) that the ARM side derives from the resource id; the
fabric names namespaces, links, folders and cgroups by it, with the prefix ``hz``, so that ``sweep`` can tell ours.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Literal, Protocol

IMDS = IPv4Address("169.254.169.254")
"""Instance metadata service, as on Azure."""
WIRE = IPv4Address("168.63.129.16")
"""Azure's virtual public address of the host: source of every health probe; local services listen on it."""
PUBLIC_RANGES = (IPv4Network("203.0.113.0/24"), IPv4Network("198.51.100.0/24"))
"""Where public addresses come from: TEST-NET-3 and TEST-NET-2 (RFC 5737), so that none can be somebody's."""


@dataclass(frozen=True)
class NicPlan:
    """A network interface that is attached to a machine."""

    key: str
    machine: str
    """Key of the machine."""
    index: int
    """0 becomes eth0 in the machine, 1 eth1, ..."""
    mac: str
    address: IPv4Address
    subnet: IPv4Network
    ip_forwarding: bool
    """Whether packets with a foreign source may leave (``enableIPForwarding``)."""
    security: tuple[SecurityRulePlan, ...] = ()
    """Effective inbound rules, by priority, defaults included; empty means no NSG: all allowed."""
    lost: bool = False
    """Nothing passes, in or out, also not of what is established: the machine has lost its network."""


@dataclass(frozen=True)
class SecurityRulePlan:
    """One effective inbound security rule; prefixes are already resolved from service tags."""

    name: str
    allow: bool
    protocol: Literal["tcp", "udp", "icmp", "*"]
    sources: tuple[IPv4Network, ...]
    destinations: tuple[IPv4Network, ...]
    ports: tuple[tuple[int, int], ...]
    """Inclusive destination port ranges; (0, 65535) is any."""


@dataclass(frozen=True)
class RoutePlan:
    """One effective user-defined route."""

    prefix: IPv4Network
    next_hop: IPv4Address | None
    """The appliance's address; ``None`` drops (next hop type ``None``)."""


@dataclass(frozen=True)
class ProbePlan:
    """A health probe, sent from :data:`WIRE` to each member."""

    protocol: Literal["tcp", "http"]
    port: int
    path: str
    interval: float
    """Seconds between probes."""
    threshold: int
    """Equal results in a row that change a member's state."""


@dataclass(frozen=True)
class RulePlan:
    """One load-balancing rule, resolved: a frontend address and port, and the members behind it."""

    key: str
    frontend: IPv4Address
    protocol: Literal["tcp", "udp", "all"]
    frontend_port: int
    """0 with protocol ``all``: an HA-ports rule."""
    backend_port: int
    floating: bool
    """Floating IP (direct server return): the destination stays the frontend's."""
    affinity: Literal["Default", "SourceIP", "SourceIPProtocol"]
    members: tuple[IPv4Address, ...]
    """Primary addresses of the pool's NICs."""
    probe: ProbePlan | None


@dataclass(frozen=True)
class NetworkPlan:
    """Everything wanted in one virtual network, now."""

    key: str
    name: str
    prefixes: tuple[IPv4Network, ...]
    subnets: tuple[IPv4Network, ...]
    routes: tuple[RoutePlan, ...]
    nics: tuple[NicPlan, ...]
    rules: tuple[RulePlan, ...]
    public: tuple[IPv4Address, ...]
    """Public frontends of this network: the host routes them here."""
    internal: tuple[IPv4Address, ...]
    """Internal frontends: answered for by proxy ARP."""
    instance_public: tuple[tuple[IPv4Address, IPv4Address], ...] = ()
    """(public, private) pairs of instance-level public addresses: 1:1 NAT."""


@dataclass(frozen=True)
class DataDisk:
    """A disk at a LUN of a machine."""

    lun: int
    key: str
    """Key of the disk."""


class Condition(StrEnum):
    """What is wrong with a machine, for tests of what depends on it; it stays so, whatever restarts, until told otherwise."""

    WELL = "well"
    UNBOOTABLE = "unbootable"
    """It is on, and its system never comes up; from its next boot."""
    ISOLATED = "isolated"
    """It has lost its network; see :attr:`NicPlan.lost`."""
    FULL = "full"
    """Its disk is full: what is there can be read, nothing more can be written."""


@dataclass(frozen=True)
class MachinePlan:
    """A virtual machine that should be running."""

    key: str
    name: str
    """Host name."""
    image: Path
    """Folder of a managed image: ``image.json`` as written by the build (see docs/reference/managed-image.md)."""
    cpus: int
    memory_mib: int
    custom_data: bytes
    """cloud-init user data, decoded; empty for none."""
    ssh_user: str
    disks: tuple[DataDisk, ...] = ()
    condition: Condition = Condition.WELL


class MachineState(StrEnum):
    """Power state of a machine as the fabric sees it."""

    ABSENT = "absent"
    STOPPED = "stopped"
    RUNNING = "running"


@dataclass(frozen=True)
class DiskPlan:
    """A managed disk: a sparse file, and a loop device while it is attached."""

    key: str
    size_gib: int
    copy_of: str = ""
    """Key of the disk or snapshot to clone when the file does not exist yet."""


class Fabric(Protocol):
    """What local Azure needs of the host. All methods are idempotent; failures raise ``HarnessError``."""

    async def start(self) -> None:
        """Prepare the host: public ranges unreachable, folders, kernel parameters."""

    async def stop(self) -> None:
        """Let go of everything in this process (probes, sockets); what was made stays."""

    async def clear(self) -> None:
        """Remove everything of this fabric from the host, running or not: machines, namespaces, mounts, loop devices, cgroups."""

    def reserved_public(self) -> frozenset[IPv4Address]:
        """Addresses of the public ranges that the host itself uses; no resource may get one."""

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Make the network equal to the plan. A NIC whose machine does not run yet is wired all the same."""

    async def foreign_public(self) -> frozenset[IPv4Address]:
        """Addresses of :data:`PUBLIC_RANGES` that other fabrics of this host have; a plan that contains one is refused."""

    async def remove_network(self, key: str) -> None:
        """Remove the namespace and all that hangs on it."""

    async def member_health(self, key: str) -> dict[str, dict[str, bool]]:
        """Rule key -> member address -> healthy, of the network with this key."""

    async def listen(self, key: str, address: IPv4Address, port: int) -> socket.socket:
        """A listening TCP socket inside the network's namespace, owned by this process (for metadata, ARM, registry)."""

    async def start_machine(self, plan: MachinePlan) -> None:
        """Boot, unless it already runs; returns once the init process runs (not when cloud-init is done) and the plan's condition holds."""

    async def reboot_machine(self, key: str, after: float) -> None:
        """Have a running machine reboot itself after so many seconds; returns when it knows."""

    async def stop_machine(self, key: str, *, hard: bool) -> None:
        """Power off, at once if ``hard``; its root and disks stay."""

    async def remove_machine(self, key: str) -> None:
        """Power off at once and delete its root; data disks stay."""

    async def machine_state(self, key: str) -> MachineState: ...

    async def attach_disks(self, key: str, disks: tuple[DataDisk, ...]) -> None:
        """Make the machine's data disks equal to these; returns when ``/dev/disk/azure/scsi1/lunN`` exists in the machine."""

    def console(self, key: str) -> Path:
        """The serial console's log, which may not exist yet."""

    async def run_command(self, key: str, argv: tuple[str, ...], timeout: float) -> tuple[int, bytes]:
        """Run a command inside a machine (the "run command" action); exit code and the merged output."""

    async def ensure_disk(self, plan: DiskPlan) -> None:
        """Create the file, or grow it (also while attached)."""

    async def remove_disk(self, key: str) -> None: ...
