"""Local Azure as a cloud: an endpoint, a certificate authority, a credential, and machines that start from a managed image."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.identity import ClientSecretCredential

from harness.builds import open_builder
from harness.builds.api import Build, Progress
from harness.clouds.api import ArmRequest, NodeProfile
from harness.clouds.arm import Arm, ArmCloud, Endpoint, quiet
from harness.clouds.errors import translated
from harness.clouds.journal import requests_of_machines
from harness.clouds.limit import carried, limited
from harness.clouds.polling import result_of
from harness.clouds.server import LocalServer, ServerInfo
from harness.clouds.transport import PatientTransport
from harness.settings import Settings

if TYPE_CHECKING:
    from azure.mgmt.compute.models import Image

_POLLING = 0.1
"""Seconds between polls; the server holds each poll until there is news."""
_RETRIES = 40
"""A server that was killed is back within seconds."""
_ETCD = {"unsafe-no-fsync": "true"}
"""The disk is this host's; a cluster that loses it is made again."""


class LocalCloud(ArmCloud):
    """Found by the entry point ``local``."""

    name = "local"
    serial_clusters = 3
    """Clusters cost little here, and Serial specs leave the host idle: a third of a full conformance run."""
    cells_abreast = max(1, (os.cpu_count() or 1) // 2)
    """The tests of one cell keep two processors busy; a further cluster meanwhile only takes its share of them."""

    def __init__(self, settings: Settings, arguments: Sequence[str] = ()) -> None:
        self._settings = settings
        self._server = LocalServer(settings.state / "localazure", settings.patience, arguments)

    def __enter__(self) -> LocalCloud:
        self._info = self._server.hold()
        self._credential = _credential(self._info)
        self._arm = Arm(
            Endpoint(
                subscription=self._info.subscription,
                credential=self._credential,
                url=self._info.https,
                authority_file=self._info.ca,
                polling=_POLLING,
                retries=_RETRIES,
                pace=self._settings.state / "pace" / f"{self._info.subscription}.json",
            )
        )
        self.subscription = self._info.subscription
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go; the last one stops the server, unless groups were left on purpose or somebody keeps it."""
        with self._server.locked():
            last = self._server.release()
            if last:
                info = self._server.ensure()
                if not self._arm.groups({}):
                    self._server.stop(info, self._credential.get_token(f"{info.https}/.default").token)
        self._arm.close()
        self._credential.close()

    def stage(self, build: Build, progress: Progress) -> None:
        """Make the managed image's folder; machines of every cell then share it."""
        self._node_image(build, progress)

    def node_profile(self, build: Build, location: str, group: str, deadline: datetime) -> NodeProfile:
        """Make the build's managed image a resource of the group."""
        folder = self._node_image(build, quiet)
        name = re.sub(r"[^A-Za-z0-9._-]", "-", f"kubernetes-{build.key}")[:80]
        attempted = f"register the managed image {name}"
        with limited(deadline), translated(attempted):
            image = _image(location, self.resources.resource_groups.get(group).tags, folder)
            poller = self.compute.images.begin_create_or_update(group, name, image, **carried())
            made = result_of(poller, attempted, deadline)
        return NodeProfile(
            image_reference={"id": made.id},
            prebuilt=True,
            registry_mirror=self._info.registry,
            arm_endpoint=self._info.wire_arm,
            tenant=self._info.tenant,
            vm_size=self._settings.vm_size,
            kubelet_overrides=_kubelet(build.version),
            etcd_arguments=_ETCD,
            short_waits=True,
        )

    def _node_image(self, build: Build, progress: Progress) -> Path:
        return open_builder(self._settings.cache).node_image(build, progress)

    def requests(self, group: str, since: float, until: float) -> Sequence[ArmRequest]:
        """What machines of the group asked of ARM."""
        return requests_of_machines(self._info, group, since, until)


def _credential(info: ServerInfo) -> ClientSecretCredential:
    return ClientSecretCredential(
        info.tenant,
        info.client_id,
        info.client_secret,
        authority=info.https,
        transport=PatientTransport(_RETRIES, connection_verify=info.ca),
        disable_instance_discovery=True,
        retry_total=_RETRIES,
        retry_connect=_RETRIES,
        retry_backoff_factor=0.1,
        retry_backoff_max=2,
    )


def _image(location: str, tags: dict[str, str] | None, folder: Path) -> Image:
    from azure.mgmt.compute.models import Image, ImageOSDisk, ImageProperties, ImageStorageProfile

    disk = ImageOSDisk(os_type="Linux", os_state="Generalized", blob_uri=folder.as_uri())
    properties = ImageProperties(storage_profile=ImageStorageProfile(os_disk=disk))
    return Image(location=location, tags=tags, properties=properties)


def _kubelet(version: str) -> Mapping[str, Any]:
    """What kubelet needs to know of a machine that shares this host's disk.

    It measures the whole disk: a host with little left would make it delete the preloaded images in the middle of a run.
    """
    fields: dict[str, Any] = {
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
    }
    found = re.match(r"v1\.(\d+)\.", version)
    if found and int(found[1]) >= 35:
        # one failed pull would otherwise make kubelet doubt every preloaded image
        fields["imagePullCredentialsVerificationPolicy"] = "NeverVerify"
    return fields
