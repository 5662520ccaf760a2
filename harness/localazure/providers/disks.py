"""Microsoft.Compute/disks: sparse files that become block devices in the machines they are attached to.

Source: https://learn.microsoft.com/rest/api/compute/disks (2025-01-02)
"""

from __future__ import annotations

import datetime

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId, fabric_key, parse_id
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.links import VM
from harness.localazure.providers.plan.machines import data_disks, disk_plan

DISK = "Microsoft.Compute/disks"
SNAPSHOT = "Microsoft.Compute/snapshots"
_DERIVED = ("diskState", "diskSizeBytes", "timeCreated", "uniqueId", "managedBy")
_LIMIT = 32767
"""GiB, the largest disk of the public cloud."""


def holder_of(arm: Arm, disk: Resource) -> Resource | None:
    """The machine that a disk is attached to."""
    for machine in arm.store.of_type(VM):
        attached = (machine.properties["storageProfile"]["osDisk"], *data_disks(machine))
        if any(entry["managedDisk"]["id"].lower() == disk.id.key for entry in attached):
            return machine
    return None


def settle_size(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> None:
    """Size and source of a disk or snapshot; a size only grows."""
    properties = body["properties"]
    for name in _DERIVED:
        properties.pop(name, None)
    creation = properties.setdefault("creationData", dict(before.properties["creationData"]) if before else {})
    option = str(creation.get("createOption", "")).lower()
    if option not in ("empty", "copy", "fromimage"):
        raise invalid(f"creationData.createOption of '{resource_id.name}' must be Empty or Copy.", "InvalidParameter")
    if option == "copy":
        size = _source_size(arm, resource_id, creation, before)
        properties["diskSizeGB"] = max(int(properties.get("diskSizeGB") or 0), size)
    size = properties.setdefault("diskSizeGB", before.properties["diskSizeGB"] if before else 0)
    if not isinstance(size, int) or not 1 <= size <= _LIMIT:
        raise invalid(f"diskSizeGB of '{resource_id.name}' must be between 1 and {_LIMIT}.", "InvalidParameter")
    if before and size < before.properties["diskSizeGB"]:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Disk resizing is allowed only when the disk size is increased: {before.properties['diskSizeGB']} to {size} GiB.",
        )


def _source_size(arm: Arm, resource_id: ResourceId, creation: Body, before: Resource | None) -> int:
    source = creation.get("sourceResourceId") or ""
    if before:
        return int(before.properties["diskSizeGB"])
    found = arm.store.get(parse_id(source)) if source else None
    if found is None or found.id.type.lower() not in (DISK.lower(), SNAPSHOT.lower()):
        raise ArmError(
            404,
            "ResourceNotFound",
            f"The source '{source}' of '{resource_id.name}' is not a disk or snapshot that exists.",
        )
    if found.internal.get("os"):
        raise ArmError(
            409, "OperationNotAllowed", f"'{source}' holds an operating system: local Azure copies data disks only."
        )
    return int(found.properties["diskSizeGB"])


def show_size(arm: Arm, resource: Resource, view: Body) -> None:
    """What disks and snapshots have in common."""
    created = datetime.datetime.fromtimestamp(resource.created, datetime.UTC).isoformat()
    view["properties"] |= {
        "diskSizeBytes": resource.properties["diskSizeGB"] * 2**30,
        "timeCreated": created,
        "uniqueId": fabric_key(str(resource.id)),
        "networkAccessPolicy": resource.properties.get("networkAccessPolicy", "AllowAll"),
        "publicNetworkAccess": resource.properties.get("publicNetworkAccess", "Enabled"),
    }


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    body.pop("managedBy", None)
    settle_size(arm, resource_id, body, before)
    body["sku"] = {"name": ((body.get("sku") or {}).get("name")) or "Standard_LRS"}
    return Wanted(body, dict(before.internal) if before else {})


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    show_size(arm, resource, view)
    holder = holder_of(arm, resource)
    view["properties"]["diskState"] = "Unattached"
    if holder:
        view["managedBy"] = str(holder.id)
        view["properties"]["diskState"] = "Reserved" if holder.internal["power"] == "deallocated" else "Attached"
    view["sku"]["tier"] = view["sku"]["name"].partition("_")[0]


def _check_unused(arm: Arm, resource: Resource) -> None:
    if holder := holder_of(arm, resource):
        raise ArmError(409, "OperationNotAllowed", f"Disk {resource.id.name} is attached to VM {holder.id}.")


async def _make(arm: Arm, resource: Resource, before: Resource | None) -> None:
    if not resource.internal.get("os"):
        await arm.fabric.ensure_disk(disk_plan(resource))


async def _unmake(arm: Arm, resource: Resource) -> None:
    if not resource.internal.get("os"):
        await arm.fabric.remove_disk(fabric_key(str(resource.id)))


RESOURCE_TYPES = (
    ResourceType(
        type=DISK,
        accept=_accept,
        show=_show,
        check_unused=_check_unused,
        make=_make,
        unmake=_unmake,
        zones=True,
        merge=True,
        created=200,
    ),
)
