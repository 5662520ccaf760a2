"""Microsoft.Compute/images: managed images. Here one names a folder on this host that holds ``image.json``.

``properties.storageProfile.osDisk.blobUri`` is ``file:///absolute/folder``; what is in the folder is the build's business.
"""

from __future__ import annotations

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.machines import image_path

IMAGE = "Microsoft.Compute/images"


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    disk = (body["properties"].get("storageProfile") or {}).get("osDisk") or {}
    uri = str(disk.get("blobUri", ""))
    folder = image_path(uri)
    if not folder.is_absolute() or not (folder / "image.json").is_file():
        raise invalid(
            f"osDisk.blobUri '{uri}' of image '{resource_id.name}' must be file:///FOLDER with an image.json in it.",
            "InvalidParameter",
        )
    disk.setdefault("osType", "Linux")
    disk.setdefault("osState", "Generalized")
    body["properties"].setdefault("hyperVGeneration", "V2")
    return Wanted(body)


RESOURCE_TYPES = (ResourceType(type=IMAGE, accept=_accept, merge=True),)
