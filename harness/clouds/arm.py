"""What both clouds do in the same way: clients, groups, tags, deployments, deletion and consoles of one ARM endpoint."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.credentials import TokenCredential
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient

from harness.builds.api import Progress
from harness.clouds import capacity
from harness.clouds.api import Group
from harness.clouds.deletion import begin_delete, delete_group
from harness.clouds.deployment import deploy
from harness.clouds.errors import translated
from harness.clouds.memory import Forgetful, Memory
from harness.clouds.obstacles import Limits
from harness.clouds.pace import Pace
from harness.clouds.rest import Rest
from harness.clouds.room import Room
from harness.clouds.transport import PatientTransport
from harness.clouds.waiting import PacePolicy, Retries
from harness.errors import CloudError

if TYPE_CHECKING:  # these two take half a second of processor time to load; most processes never call them
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.network import NetworkManagementClient

_CONSOLE_SECONDS = 30.0


@dataclass(frozen=True)
class Endpoint:
    """An ARM endpoint and how to talk to it."""

    subscription: str
    credential: TokenCredential
    url: str = ""
    """Empty for the public cloud."""
    authority_file: str = ""
    """PEM file of the CA that signed the endpoint's certificate; empty for the usual ones."""
    polling: float | None = None
    """Seconds between polls of an operation where the service does not say; the SDK's 30 when None."""
    pace: Path | None = None
    """File in which processes share what they know of the subscription's request budget; None for this process alone."""
    patience: float = 600.0
    """Seconds that the service may make one request wait; more is an error."""
    deletion: Limits = field(default_factory=Limits)
    """How long each obstacle to a deletion may last."""
    retries: int = 10
    """How often a request that found nobody, or was throttled, is tried again."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments of one management client."""
        verify = {"connection_verify": self.authority_file} if self.authority_file else {}
        retries: dict[str, Any] = {"retry_total": self.retries, "retry_connect": self.retries}
        found: dict[str, Any] = {"transport": PatientTransport(self.retries, **verify), **verify}
        if self.url:
            found |= {"base_url": self.url, "credential_scopes": [f"{self.url}/.default"]}
        if self.polling is not None:
            found |= {"polling_interval": self.polling}
            retries |= {"retry_backoff_factor": 0.1, "retry_backoff_max": 2}
        return {**found, "retry_policy": Retries(**retries)}


class Arm:
    """One opened ARM endpoint; the clouds are made of this and of what only they have."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.tell: Progress = quiet
        """Gets a line for the person who watches, about what makes us wait."""
        self.memory: Memory = Forgetful()
        """Keeps what outlives groups."""
        self._pace = Pace(endpoint.pace)
        self.resources = ResourceManagementClient(*self._whose, **self._options())
        self.deployments = DeploymentsMgmtClient(*self._whose, **self._options())
        self.rest = Rest(self.resources, endpoint.url or "https://management.azure.com", endpoint.subscription)

    @cached_property
    def network(self) -> NetworkManagementClient:
        """The client of networks, public addresses and load balancers."""
        from azure.mgmt.network import NetworkManagementClient

        return NetworkManagementClient(*self._whose, **self._options())

    @cached_property
    def compute(self) -> ComputeManagementClient:
        """The client of machines and disks."""
        from azure.mgmt.compute import ComputeManagementClient

        return ComputeManagementClient(*self._whose, **self._options())

    @property
    def _whose(self) -> tuple[TokenCredential, str]:
        return self._endpoint.credential, self._endpoint.subscription

    def _options(self) -> dict[str, Any]:
        """Keyword arguments of one client: a policy belongs to one pipeline, so each gets its own."""
        policy = PacePolicy(
            self._pace, self._endpoint.patience, lambda text: self.tell(text), repeats=self._endpoint.retries
        )
        return {**self._endpoint.options(), "per_retry_policies": [policy]}

    def close(self) -> None:
        """Close the clients' connections."""
        for name in ("resources", "deployments", "network", "compute"):
            if client := vars(self).get(name):
                client.close()

    def get(self, path: str) -> dict[str, Any]:
        """GET of what no installed client covers; ``path`` starts below the endpoint."""
        with translated(f"read {path.partition('?')[0]}"):
            return self.rest.get(path)

    def locations(self) -> tuple[str, ...]:
        """Names of the subscription's locations."""
        body = self.get(f"/subscriptions/{self._endpoint.subscription}/locations?api-version=2022-12-01")
        return tuple(item["name"] for item in body["value"])

    def survey(self, location: str, size: str) -> Room:
        """See :meth:`harness.clouds.api.Surveyor.survey`."""
        return capacity.survey(self.compute, self.network, location, size)

    def register(self, progress: Progress) -> None:
        """See :meth:`harness.clouds.api.Surveyor.register`."""
        capacity.register(self.resources, capacity.NAMESPACES, progress, self._endpoint.polling or 5.0)

    def create_group(self, name: str, location: str, tags: Mapping[str, str]) -> None:
        """Create the resource group, or give an existing one these tags."""
        with translated(f"create resource group {name} in {location}"):
            self.resources.resource_groups.create_or_update(name, {"location": location, "tags": dict(tags)})

    def tag_group(self, name: str, tags: Mapping[str, str]) -> None:
        """See :meth:`harness.clouds.api.Cloud.tag_group`. A PUT would drop the tags of others."""
        with translated(f"tag resource group {name}"):
            known = self.resources.resource_groups.get(name).tags or {}
            self.resources.resource_groups.update(name, {"tags": {**known, **tags}})

    def groups(self, tags: Mapping[str, str]) -> Sequence[Group]:
        """Groups that carry all these tags; an empty value matches any."""
        with translated("list resource groups"):
            found = [
                Group(
                    item.name or "",
                    item.location,
                    dict(item.tags or {}),
                    (item.properties.provisioning_state if item.properties else "") or "",
                )
                for item in self.resources.resource_groups.list()
            ]
        return [group for group in found if all(_matches(group.tags, *tag) for tag in tags.items())]

    def deploy(
        self, group: str, name: str, template: Mapping[str, Any], parameters: Mapping[str, Any], deadline: datetime
    ) -> Mapping[str, Any]:
        """See :meth:`harness.clouds.api.Cloud.deploy`."""
        return deploy(self.deployments, group, name, template, parameters, deadline)

    def delete_group(self, name: str, deadline: datetime) -> None:
        """See :meth:`harness.clouds.api.Cloud.delete_group`."""
        pause, limits = self._endpoint.polling or 5.0, self._endpoint.deletion
        delete_group(self.resources, self.rest, name, deadline, pause, limits, self.tell, self.memory)

    def begin_delete_group(self, name: str) -> None:
        """See :meth:`harness.clouds.api.BulkDeleter.begin_delete_group`."""
        begin_delete(self.resources, self.rest, name)

    def console(self, group: str, machine: str) -> str:
        """The serial console, read from where boot diagnostics keep it."""
        attempted = f"read the serial console of {machine}"
        with translated(attempted):
            data = self.compute.virtual_machines.retrieve_boot_diagnostics_data(group, machine)
        if not data.serial_console_log_blob_uri:
            raise CloudError(
                attempted, last_seen="boot diagnostics name no log", hint="the machine may not have booted"
            )
        return self._download(data.serial_console_log_blob_uri, attempted)

    def _download(self, url: str, attempted: str) -> str:
        """Text behind a signed URL; the URL is a secret and stays out of errors."""
        context = ssl.create_default_context(cafile=self._endpoint.authority_file or None)
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(url, timeout=_CONSOLE_SECONDS, context=context) as answer:  # noqa: S310
                return str(answer.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            raise CloudError(attempted, last_seen=f"HTTP {error.code} {error.reason}") from error
        except OSError as error:
            raise CloudError(
                attempted, awaited=f"the log's download, {time.monotonic() - begun:.0f} s", last_seen=str(error)
            ) from error


class ArmCloud:
    """What both clouds do alike once :attr:`_arm` is there: everything that is asked of ARM."""

    _arm: Arm

    @property
    def resources(self) -> ResourceManagementClient:
        return self._arm.resources

    @property
    def deployments(self) -> DeploymentsMgmtClient:
        return self._arm.deployments

    @property
    def network(self) -> NetworkManagementClient:
        return self._arm.network

    @property
    def compute(self) -> ComputeManagementClient:
        return self._arm.compute

    def locations(self) -> Sequence[str]:
        return self._arm.locations()

    def watch(self, tell: Progress) -> None:
        self._arm.tell = tell

    def remember_in(self, memory: Memory) -> None:
        self._arm.memory = memory

    def survey(self, location: str, size: str) -> Room:
        return self._arm.survey(location, size)

    def register(self, progress: Progress) -> None:
        self._arm.register(progress)

    def create_group(self, name: str, location: str, tags: Mapping[str, str]) -> None:
        self._arm.create_group(name, location, tags)

    def tag_group(self, name: str, tags: Mapping[str, str]) -> None:
        self._arm.tag_group(name, tags)

    def deploy(
        self, group: str, name: str, template: Mapping[str, Any], parameters: Mapping[str, Any], deadline: datetime
    ) -> Mapping[str, Any]:
        return self._arm.deploy(group, name, template, parameters, deadline)

    def delete_group(self, name: str, deadline: datetime) -> None:
        self._arm.delete_group(name, deadline)

    def begin_delete_group(self, name: str) -> None:
        self._arm.begin_delete_group(name)

    def groups(self, tags: Mapping[str, str]) -> Sequence[Group]:
        return self._arm.groups(tags)

    def console(self, group: str, machine: str) -> str:
        return self._arm.console(group, machine)


def quiet(_: str) -> None:
    """Nobody watches."""


def _matches(tags: Mapping[str, str], name: str, value: str) -> bool:
    return name in tags and value in ("", tags[name])
