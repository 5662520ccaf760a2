"""Microsoft.Compute/snapshots: copies of data disks as they are at this moment.

Source: https://learn.microsoft.com/rest/api/compute/snapshots (2025-01-02)
"""

from __future__ import annotations

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.ids import ResourceId, fabric_key
from harness.localazure.arm.store import Resource
from harness.localazure.providers.disks import SNAPSHOT, settle_size, show_size
from harness.localazure.providers.plan.machines import disk_plan


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    settle_size(arm, resource_id, body, before)
    body["sku"] = {"name": ((body.get("sku") or {}).get("name")) or "Standard_LRS"}
    body["properties"].setdefault("incremental", False)
    return Wanted(body)


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    show_size(arm, resource, view)
    view["properties"] |= {"diskState": "Unattached", "completionPercent": 100.0}


async def _make(arm: Arm, resource: Resource, before: Resource | None) -> None:
    await arm.fabric.ensure_disk(disk_plan(resource))


async def _unmake(arm: Arm, resource: Resource) -> None:
    await arm.fabric.remove_disk(fabric_key(str(resource.id)))


RESOURCE_TYPES = (
    ResourceType(type=SNAPSHOT, accept=_accept, show=_show, make=_make, unmake=_unmake, merge=True, created=200),
)
