"""Local Azure's real server as the cloud of a run, and a deployer whose clusters are machines that only a recording fabric boots."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from clouds.conftest import opened
from localazure.conftest import RunningServer

from harness.clouds.arm import ArmCloud
from harness.clouds.room import Demand
from harness.clusters.api import Cluster
from harness.deployers.api import ClusterRequest, Recorder
from harness.settings import Settings

from .fakes import FileDeployer, cluster_of

ADDRESS = "Microsoft.Network/publicIPAddresses"
MACHINE = "Microsoft.Compute/virtualMachines"


class ServerCloud(ArmCloud):
    """What both clouds do, by what they share."""

    name = "local"
    server: RunningServer

    def __init__(self, settings: Settings) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> ServerCloud:
        self._arm = self._stack.enter_context(opened(self.server))
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()


class MachineDeployer(FileDeployer):
    """A public address and machines, by one template deployment."""

    image: Path

    def __init__(self, settings: Settings, cloud: Any) -> None:
        super().__init__(settings, cloud)
        self._size = settings.vm_size

    def demand(self, request: ClusterRequest) -> Demand:
        return Demand(request.control_planes + request.workers, 1)

    def up(self, request: ClusterRequest, recorder: Recorder) -> Cluster:
        cloud = cast("ServerCloud", self.cloud)
        cloud.create_group(request.group, request.location, request.tags)
        disk = {"osType": "Linux", "osState": "Generalized", "blobUri": self.image.as_uri()}
        body = {"location": request.location, "properties": {"storageProfile": {"osDisk": disk}}}
        image = cloud.compute.images.begin_create_or_update(request.group, "image", body).result()
        machines = request.control_planes + request.workers
        template = _template(request.location, self._size, image.id, machines)
        cloud.deploy(request.group, "cluster", template, {}, request.deadline)
        return cluster_of(request)


def _template(location: str, size: str, image: str, machines: int) -> dict[str, Any]:
    subnet = "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'n', 's')]"
    resources = [
        _resource(location, ADDRESS, "a", sku={"name": "Standard"}, properties={"publicIPAllocationMethod": "Static"}),
        _resource(
            location,
            "Microsoft.Network/virtualNetworks",
            "n",
            properties={
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}],
            },
        ),
    ]
    for number in range(machines):
        name = f"m{number}"
        nic = f"[resourceId('Microsoft.Network/networkInterfaces', '{name}')]"
        configuration = {"name": "ip", "properties": {"subnet": {"id": subnet}}}
        resources += [
            _resource(
                location,
                "Microsoft.Network/networkInterfaces",
                name,
                dependsOn=["[resourceId('Microsoft.Network/virtualNetworks', 'n')]"],
                properties={"ipConfigurations": [configuration]},
            ),
            _resource(
                location,
                MACHINE,
                name,
                dependsOn=[nic],
                properties={
                    "hardwareProfile": {"vmSize": size},
                    "storageProfile": {"imageReference": {"id": image}},
                    "osProfile": {"computerName": name, "adminUsername": "azureuser", "customData": ""},
                    "networkProfile": {"networkInterfaces": [{"id": nic}]},
                },
            ),
        ]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources}


def _resource(location: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "apiVersion": "2025-04-01", "name": name, "location": location, **fields}


def image(folder: Path) -> Path:
    """A managed image's folder."""
    folder.mkdir()
    (folder / "image.json").write_text(json.dumps({"registry": "oci"}))
    return folder
