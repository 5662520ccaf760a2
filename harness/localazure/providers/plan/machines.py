"""The plans of a virtual machine and of a disk."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from harness.localazure.arm.ids import fabric_key
from harness.localazure.arm.store import Resource, Store
from harness.localazure.fabric.api import DataDisk, DiskPlan, MachinePlan
from harness.localazure.providers.plan.links import condition_of
from harness.localazure.providers.sizes import size_of


def machine_plan(store: Store, machine: Resource) -> MachinePlan:
    """What shall run for a ``Microsoft.Compute/virtualMachines``."""
    properties = machine.properties
    size = size_of(properties["hardwareProfile"]["vmSize"])
    profile = properties.get("osProfile") or {}
    return MachinePlan(
        key=fabric_key(str(machine.id)),
        name=profile.get("computerName") or machine.id.name,
        image=image_folder(store, machine),
        cpus=size.cpus,
        memory_mib=size.memory_mib,
        custom_data=base64.b64decode(machine.internal.get("customData", "")),
        ssh_user=profile.get("adminUsername", ""),
        disks=tuple(
            DataDisk(lun=disk["lun"], key=fabric_key(disk["managedDisk"]["id"])) for disk in data_disks(machine)
        ),
        condition=condition_of(machine),
    )


def data_disks(machine: Resource) -> list[dict[str, Any]]:
    """A machine's data disks, by LUN."""
    disks: list[dict[str, Any]] = machine.properties["storageProfile"].get("dataDisks") or []
    return sorted(disks, key=lambda disk: int(disk["lun"]))


def image_folder(store: Store, machine: Resource) -> Path:
    """Folder of the managed image that a machine was made from; remembered, because the image resource may go."""
    remembered = machine.internal.get("image", "")
    image = store.get(machine.properties["storageProfile"]["imageReference"]["id"])
    return image_path(image.properties["storageProfile"]["osDisk"]["blobUri"]) if image else Path(remembered)


def image_path(uri: str) -> Path:
    """The folder that a ``file:///`` URI names; empty path for another kind of URI."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" and not parts.netloc else Path()


def disk_plan(disk: Resource) -> DiskPlan:
    """What shall be there for a disk or a snapshot."""
    source = (disk.properties.get("creationData") or {}).get("sourceResourceId", "")
    return DiskPlan(
        key=fabric_key(str(disk.id)),
        size_gib=int(disk.properties["diskSizeGB"]),
        copy_of=fabric_key(source) if source else "",
    )
