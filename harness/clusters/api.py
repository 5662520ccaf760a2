"""A cluster that is up: how to reach it, and what it is made of. Written as ``cluster.json`` for workers and for other processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Node:
    """One machine of a cluster."""

    name: str
    """Node name, host name and name of the ARM virtual machine."""
    address: str
    """Private address."""
    role: str
    """``control-plane`` or ``worker``."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that passed the readiness gate."""

    run: str
    cell: str
    """Name of the cell: ``v1.37.2-kubeadm-westeurope``; unique in the run."""
    version: str
    cloud: str
    location: str
    group: str
    """Resource group."""
    server: str
    """URL of the API server, by its public address."""
    kubeconfig: Path
    """Mode 0600."""
    build: Path
    """Folder of the build (programs, inventory)."""
    nodes: tuple[Node, ...]
    pod_cidr: str
    service_cidr: str
    network: str
    """Names of the ARM resources that the cloud provider works on."""
    subnet: str
    route_table: str
    security_group: str
    deviations: Mapping[str, str] = field(default_factory=dict)
    """What was set otherwise than upstream's defaults, for speed; name -> value."""

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, default=str))

    @classmethod
    def load(cls, path: Path) -> Cluster:
        """Read what :meth:`save` wrote."""
        raw = json.loads(path.read_text())
        nodes = tuple(Node(**node) for node in raw.pop("nodes"))
        return cls(**{**raw, "nodes": nodes, "kubeconfig": Path(raw["kubeconfig"]), "build": Path(raw["build"])})

    @property
    def workers(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.role == "worker")


def keys_of(kubeconfig: Path) -> Path:
    """Folder for the keys of this kubeconfig, which OpenSSL takes from files only.

    They are removed with the process that has the client, or, if it was killed, with the cluster; left to itself the client would put
    them into the host's folder for temporary files, where nobody would find them any more.
    """
    return kubeconfig.parent / "client-keys"
