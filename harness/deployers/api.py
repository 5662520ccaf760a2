"""A deployer brings a cluster up and takes it down: five methods, all of them called by the run.

``up`` must have told the ledger (through ``recorder``) what it is about to create before it creates it, so that ``down`` works
from the ledger alone in another process. ``down`` of something that never came up is a success only after the cloud confirmed
that nothing is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.builds.api import Build
from harness.clouds.room import Demand
from harness.clusters.api import Cluster
from harness.redact.secrets import Secrets


class Recorder(Protocol):
    """How a deployer reports; the ledger implements it."""

    def creating(self, kind: str, name: str, **facts: Any) -> None:
        """Durable before it returns: this is about to be created."""
        ...

    def progress(self, text: str) -> None:
        """One line for the person watching. Raises ``AbortedError`` once the run is being cut off, as ``creating`` does."""
        ...

    def phase(self, name: str) -> AbstractContextManager[None]:
        """What runs inside is that phase (``readiness``) from here on; ``up`` has passed as soon as it is entered."""
        ...


@dataclass(frozen=True)
class ClusterRequest:
    """What to bring up."""

    run: str
    cell: str
    group: str
    """Name of the resource group to create; the deployer owns it wholly."""
    location: str
    tags: Mapping[str, str]
    build: Build
    control_planes: int
    workers: int
    folder: Path
    """The cell's folder in the run's reports; kubeconfig, rendered template and logs go here."""
    deadline: datetime
    secrets: Secrets = field(default_factory=Secrets, compare=False)
    """What masks all that is written about the cluster; grows with what the deployer writes into the folder."""


@runtime_checkable
class Demanding(Protocol):
    """What a deployer may also offer: saying what a cluster takes from the quotas."""

    def demand(self, request: ClusterRequest) -> Demand: ...


def demand_of(deployer: Deployer, request: ClusterRequest) -> Demand:
    """What the deployer says, or the machines that were asked for."""
    if isinstance(deployer, Demanding):
        return deployer.demand(request)
    return Demand(request.control_planes + request.workers, 1)


class Deployer(Protocol):
    """Found by the entry-point group ``harness.deployers``; constructed with the settings and an open cloud."""

    name: str

    def validate(self, request: ClusterRequest) -> None:
        """Raise ``UsageError`` or ``QuotaError`` for whatever can be known to fail, before anything is created."""
        ...

    def up(self, request: ClusterRequest, recorder: Recorder) -> Cluster:
        """Create, wait until ready and held; raises ``DeployError`` (or a cloud error) with the evidence."""
        ...

    def is_up(self, cluster: Cluster) -> bool: ...

    def collect(self, request: ClusterRequest, folder: Path, deadline: datetime) -> None:
        """Logs: serial consoles through the cloud first, then journals, pods and events through the API; never raises for one part."""
        ...

    def down(self, group: str, deadline: datetime) -> None:
        """Delete everything and prove it gone; ``LeakError`` otherwise."""
        ...
