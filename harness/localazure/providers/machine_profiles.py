"""The parts of a virtual machine's body: size, operating system, disks; checked, completed, and what is secret taken out."""

from __future__ import annotations

import base64
import binascii
import datetime
import re
import uuid
from typing import Any

from harness.localazure.arm.api import Arm, Body
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId, parse_id
from harness.localazure.arm.store import Resource
from harness.localazure.providers.disks import DISK, holder_of
from harness.localazure.providers.images import IMAGE
from harness.localazure.providers.plan.machines import image_path
from harness.localazure.providers.quota import check_cores, check_offer
from harness.localazure.providers.references import check_reference
from harness.localazure.providers.sizes import size_of

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
_CUSTOM_DATA = 65535
"""Bytes of customData before base64, at most."""


def settle_size(arm: Arm, body: Body, before: Resource | None) -> None:
    """The size must exist, be on offer and fit into the quota."""
    name = (body["properties"].get("hardwareProfile") or {}).get("vmSize")
    if not name:
        raise invalid("Required parameter 'hardwareProfile.vmSize' is missing (null).", "InvalidParameter")
    size_of(name)
    already = before.properties["hardwareProfile"]["vmSize"] if before else ""
    if name != already:
        check_offer(arm, name, body["location"])
    check_cores(arm, name, body["location"], already)


def settle_os(resource_id: ResourceId, body: Body, internal: Body, before: Resource | None) -> None:
    """Names and custom data; what is secret goes where it is never shown."""
    profile = body["properties"].get("osProfile")
    if profile is None:
        raise invalid("Required parameter 'osProfile' is missing (null).", "InvalidParameter")
    name = profile.setdefault("computerName", resource_id.name)
    if not _HOST_NAME.fullmatch(name):
        raise invalid(
            f"computerName '{name}' is not a host name (letters, digits and '-', at most 64).", "InvalidParameter"
        )
    if not profile.get("adminUsername"):
        raise invalid("Required parameter 'adminUsername' is missing (null).", "InvalidParameter")
    profile.pop("adminPassword", None)
    data = profile.pop("customData", None)
    if before is None:
        _check_custom_data(data or "")
        internal["customData"] = data or ""
        internal["vmId"] = str(uuid.uuid4())
        internal["created"] = datetime.datetime.now(datetime.UTC).isoformat()
    elif data is not None and data != internal["customData"]:
        raise _unchangeable("osProfile.customData")
    if before and name != before.properties["osProfile"]["computerName"]:
        raise _unchangeable("osProfile.computerName")
    profile.setdefault("secrets", [])
    profile.setdefault("allowExtensionOperations", True)


def _check_custom_data(data: str) -> None:
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Custom data in OSProfile must be in Base64 encoding.", "InvalidParameter") from error
    if len(decoded) > _CUSTOM_DATA:
        raise invalid(
            f"Custom data in OSProfile must be at most {_CUSTOM_DATA} bytes, not {len(decoded)}.", "InvalidParameter"
        )


def settle_storage(arm: Arm, resource_id: ResourceId, body: Body, internal: Body, before: Resource | None) -> None:
    """Image and disks. Disks that the machine brings along become resources here, after everything else was checked."""
    profile = body["properties"].get("storageProfile")
    if not profile:
        raise invalid("Required parameter 'storageProfile' is missing (null).", "InvalidParameter")
    reference = profile.get("imageReference") or {}
    if before is None:
        internal["image"] = str(_image(arm, reference))
    elif reference != before.properties["storageProfile"]["imageReference"]:
        raise _unchangeable("imageReference")
    kept = [disk for disk in profile.get("dataDisks") or [] if not disk.pop("toBeDetached", False)]
    limit = size_of(body["properties"]["hardwareProfile"]["vmSize"]).data_disks
    if len(kept) > limit:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"The maximum number of data disks allowed to be attached to a VM of this size is {limit}.",
        )
    created = [_settle_data_disk(arm, resource_id, body, disk) for disk in kept]
    luns = [disk["lun"] for disk in kept]
    if len(luns) != len(set(luns)):
        raise invalid(f"LUNs {luns} of '{resource_id.name}' are not unique.", "InvalidParameter")
    profile["dataDisks"] = kept
    _settle_os_disk(arm, resource_id, body, profile.setdefault("osDisk", {}), before)
    for disk_id, disk_body in filter(None, created):
        arm.store.put(disk_id, disk_body, {}, "Creating")


def _image(arm: Arm, reference: Body) -> Any:
    if not reference.get("id"):
        shown = ":".join(str(reference.get(part, "")) for part in ("publisher", "offer", "sku", "version"))
        raise ArmError(
            404,
            "PlatformImageNotFound",
            f"The platform image '{shown}' is not available: local Azure boots managed images only; create a {IMAGE} and give its "
            "id as imageReference.id.",
        )
    found = check_reference(arm, reference["id"], IMAGE)
    assert found is not None
    return image_path(found.properties["storageProfile"]["osDisk"]["blobUri"])


def _settle_os_disk(arm: Arm, resource_id: ResourceId, body: Body, disk: Body, before: Resource | None) -> None:
    if before:
        body["properties"]["storageProfile"]["osDisk"] = {
            **before.properties["storageProfile"]["osDisk"],
            "deleteOption": disk.get("deleteOption", "Detach"),
        }
        return
    if str(disk.setdefault("createOption", "FromImage")).lower() != "fromimage":
        raise invalid(
            "osDisk.createOption must be FromImage: local Azure makes root disks from managed images only.",
            "InvalidParameter",
        )
    disk.setdefault("name", f"{resource_id.name}_OsDisk_1_{uuid.uuid4().hex}")
    disk_id = ResourceId(resource_id.scope, "Microsoft.Compute", ("disks",), (disk["name"],))
    kind = (disk.get("managedDisk") or {}).get("storageAccountType", "Standard_LRS")
    disk |= {"osType": "Linux", "caching": disk.get("caching", "ReadWrite"), "diskSizeGB": disk.get("diskSizeGB", 30)}
    disk.setdefault("deleteOption", "Detach")
    disk["managedDisk"] = {"storageAccountType": kind, "id": str(disk_id)}
    properties = {"osType": "Linux", "diskSizeGB": disk["diskSizeGB"], "creationData": {"createOption": "FromImage"}}
    arm.store.put(disk_id, _disk_body(body, kind, properties), {"os": True}, "Succeeded")


def _settle_data_disk(arm: Arm, resource_id: ResourceId, body: Body, disk: Body) -> tuple[ResourceId, Body] | None:
    """Complete an entry of ``dataDisks``; returns a disk that is to be created with it."""
    if not isinstance(disk.get("lun"), int) or disk["lun"] < 0:
        raise invalid(f"A data disk of '{resource_id.name}' needs a lun.", "InvalidParameter")
    option = str(disk.get("createOption", "")).lower()
    reference = (disk.get("managedDisk") or {}).get("id", "")
    known = arm.store.get(parse_id(reference)) if reference else None
    if option not in ("attach", "empty"):
        raise invalid(
            f"createOption of the data disk at lun {disk['lun']} must be Attach or Empty.", "InvalidParameter"
        )
    disk.setdefault("caching", "None")
    if option == "attach" or known:
        found = check_reference(arm, reference, DISK)
        if found is None:
            raise invalid(
                f"Required parameter 'managedDisk.id' is missing for the data disk at lun {disk['lun']}.",
                "InvalidParameter",
            )
        holder = holder_of(arm, found)
        if holder and holder.id.key != resource_id.key:
            raise ArmError(
                409,
                "ConflictingUserInput",
                f"Disk '{found.id}' cannot be attached as it is already attached to VM '{holder.id}'.",
            )
        if found.internal.get("os"):
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Disk '{found.id}' holds an operating system: local Azure attaches data disks only.",
            )
        disk |= {"name": found.id.name, "diskSizeGB": found.properties["diskSizeGB"]}
        disk["managedDisk"] = {"storageAccountType": found.body["sku"]["name"], "id": str(found.id)}
        return None
    if not disk.get("diskSizeGB"):
        raise invalid(
            f"Required parameter 'diskSizeGB' is missing for the data disk at lun {disk['lun']}.", "InvalidParameter"
        )
    disk.setdefault("name", f"{resource_id.name}_disk{disk['lun'] + 2}_{uuid.uuid4().hex}")
    disk_id = ResourceId(resource_id.scope, "Microsoft.Compute", ("disks",), (disk["name"],))
    if arm.store.get(disk_id):
        raise ArmError(409, "Conflict", f"Disk '{disk_id}' exists already; use createOption Attach.")
    kind = (disk.get("managedDisk") or {}).get("storageAccountType", "Standard_LRS")
    disk["managedDisk"] = {"storageAccountType": kind, "id": str(disk_id)}
    return disk_id, _disk_body(
        body, kind, {"diskSizeGB": disk["diskSizeGB"], "creationData": {"createOption": "Empty"}}
    )


def _disk_body(body: Body, kind: str, properties: Body) -> Body:
    return {
        "location": body["location"],
        "tags": dict(body.get("tags") or {}),
        "sku": {"name": kind},
        "properties": properties,
    }


def _unchangeable(name: str) -> ArmError:
    return ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{name}' is not allowed.")
