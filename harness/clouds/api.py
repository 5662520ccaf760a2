"""A cloud is an ARM endpoint, a credential, locations and quota; everything above this folder is the same for all of them.

The Azure SDK clients below are the official ones for both clouds. ``local`` adds an endpoint, a CA and a credential, and says in
:class:`NodeProfile` what its machines start from; nothing else may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from harness.builds.api import Build, Progress
from harness.clouds.memory import Memory
from harness.clouds.room import Room

if TYPE_CHECKING:  # the SDK takes more than a second of CPU to import, and a dozen test workers read this contract
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.network import NetworkManagementClient
    from azure.mgmt.resource.deployments import DeploymentsMgmtClient
    from azure.mgmt.resource.resources import ResourceManagementClient

TAG_RUN = "harness-run"
TAG_OWNER = "harness-owner"
TAG_CREATED = "creationTimestamp"
"""RFC 3339; the name that rg-cleanup and other janitors look for."""
TAG_EXPIRES = "harness-expires"
"""RFC 3339; past it, ``harness sweep`` may delete the group."""
TAG_CELL = "harness-cell"
TAG_KEEP = "harness-keep"
"""Set by hand to anything but ``false``: ``harness sweep`` never touches the group."""


@dataclass(frozen=True)
class NodeProfile:
    """What a node of this cloud starts from; the only place where clouds differ for a deployer."""

    image_reference: Mapping[str, Any]
    """ARM ``imageReference``: a marketplace image, or the id of a managed image that holds the build already."""
    prebuilt: bool
    """The image holds the build: programs in /usr/bin, container images in containerd's store."""
    bundle_url: str = ""
    """Where a node fetches the build if not ``prebuilt`` (a URL with its own access signature: a secret)."""
    bundle_sha256: str = ""
    registry_mirror: str = ""
    """Base URL that containerd asks first for every registry; empty for none."""
    arm_endpoint: str = ""
    """``resourceManagerEndpoint`` for the cloud provider's azure.json; empty for the public cloud."""
    tenant: str = ""
    vm_size: str = "Standard_D2s_v5"
    kubelet_overrides: Mapping[str, Any] = field(default_factory=dict)
    """KubeletConfiguration fields that this cloud's machines need."""
    etcd_arguments: Mapping[str, str] = field(default_factory=dict)
    """Extra etcd flags for this cloud's disks; listed in the report."""
    short_waits: bool = False
    """Whether clusters here are for tests alone, so that what tests wait for may be shortened."""


@dataclass(frozen=True)
class Group:
    """A resource group as the cloud reports it."""

    name: str
    location: str
    tags: Mapping[str, str]
    state: str
    """``provisioningState``."""


@dataclass(frozen=True)
class ArmRequest:
    """One request that ARM answered."""

    at: float
    """Unix time of its arrival."""
    method: str
    path: str
    status: int
    code: str
    """ARM's error code, empty for success."""
    milliseconds: float
    client: str
    """User-Agent."""
    fault: str = ""
    """Kind of the fault that was injected into it, if one was."""


class Cloud(Protocol):
    """One cloud, opened. Found by the entry-point group ``harness.clouds``; constructed with the settings; use as a context manager.

    Every method raises ``CloudError`` (``QuotaError``, ``ThrottledError``) with ARM's code; none returns as if nothing had
    happened after a failed call.
    """

    name: str
    subscription: str

    @property
    def resources(self) -> ResourceManagementClient: ...

    @property
    def deployments(self) -> DeploymentsMgmtClient: ...

    @property
    def network(self) -> NetworkManagementClient: ...

    @property
    def compute(self) -> ComputeManagementClient: ...

    def __enter__(self) -> Cloud: ...

    def __exit__(self, *exc: object) -> None: ...

    def locations(self) -> Sequence[str]:
        """Locations where a cell may be placed."""
        ...

    def node_profile(self, build: Build, location: str, group: str, deadline: datetime) -> NodeProfile:
        """Make the build available to machines in this group (managed image or bundle upload) and say how they get it.

        :raises HarnessError: of the class of what failed; ``DeployError`` at the deadline.
        """
        ...

    def create_group(self, name: str, location: str, tags: Mapping[str, str]) -> None: ...

    def tag_group(self, name: str, tags: Mapping[str, str]) -> None:
        """Add these tags to a group's, or change them; the others stay."""
        ...

    def deploy(
        self, group: str, name: str, template: Mapping[str, Any], parameters: Mapping[str, Any], deadline: datetime
    ) -> Mapping[str, Any]:
        """Run a template deployment to its end; returns its outputs as name -> value. A failure carries the failed operations."""
        ...

    def delete_group(self, name: str, deadline: datetime) -> None:
        """Delete and prove it: accepted, polled to its end, GET says 404, no list has it, what outlives it is gone; else ``LeakError``."""
        ...

    def groups(self, tags: Mapping[str, str]) -> Sequence[Group]:
        """Groups that carry all these tags (an empty value matches any)."""
        ...

    def console(self, group: str, machine: str) -> str:
        """The machine's serial console so far (boot diagnostics), also when the cluster is dead."""
        ...


@runtime_checkable
class Surveyor(Protocol):
    """What a cloud may also offer: saying, before anything is created, whether it will fit."""

    def survey(self, location: str, size: str) -> Room:
        """What the location offers and has free for machines of this size; raises ``CloudError``."""
        ...

    def register(self, progress: Progress) -> None:
        """Register what the subscription does not use yet; raises ``CloudError`` when that is not allowed."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """What a cloud may also offer: saying what makes us wait."""

    def watch(self, tell: Progress) -> None:
        """Give this a line about every wait and obstacle from now on."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """What a cloud may also offer: proving gone, in a later attempt or another process, what outlived a group that is gone."""

    def remember_in(self, memory: Memory) -> None:
        """Keep there what is found from now on."""
        ...


@runtime_checkable
class Stager(Protocol):
    """What a cloud may also offer: preparing, while sources are built, what its machines will start from."""

    def stage(self, build: Build, progress: Progress) -> None:
        """Make whatever needs no resource group (the managed image's folder, the bundle), so that no cluster waits for it."""
        ...


@runtime_checkable
class Journalling(Protocol):
    """What a cloud may also offer: which requests its machines (the cloud provider's controllers) made of ARM."""

    def requests(self, group: str, since: float, until: float) -> Sequence[ArmRequest]:
        """Those that name something of this resource group, in order; times are Unix times. Raises ``CloudError``."""
        ...


@runtime_checkable
class BulkDeleter(Protocol):
    """What a cloud may also offer: many deletions at work at the same time, before each is waited for."""

    def begin_delete_group(self, name: str) -> None:
        """Ask for the deletion, and return once it is accepted; a group that is gone is no error."""
        ...
