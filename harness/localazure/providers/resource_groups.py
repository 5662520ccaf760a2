"""Microsoft.Resources/resourceGroups: containers whose deletion takes everything in them along.

Deletion goes in rounds: whatever nothing else uses is deleted at once, all of it at the same time, and again, until nothing is
left. The reconciler leaves virtual networks of the group alone meanwhile, since they go as well.
"""

from __future__ import annotations

import asyncio

from harness.errors import HarnessError
from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import GROUP_TYPE, ResourceId
from harness.localazure.arm.store import Resource


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    if unknown := set(body) - {"location", "tags", "managedBy", "properties"}:
        raise invalid(f"A resource group has no {sorted(unknown)}.", "InvalidRequestContent")
    return Wanted({**body, "properties": {}})


async def _unmake(arm: Arm, group: Resource) -> None:
    while left := arm.store.below(group.id):
        round_of, blocked = [], ""
        for resource in left:
            try:
                arm.type_of(resource.id.type).check_unused(arm, resource)
                round_of.append(resource)
            except ArmError as error:
                blocked = str(error)
        if not round_of:
            raise ArmError(
                409, "ResourceGroupDeletionBlocked", f"Deleting resource group '{group.id.name}' failed: {blocked}"
            )
        results = await asyncio.gather(*(arm.delete_inside(found.id) for found in round_of), return_exceptions=True)
        for resource, result in zip(round_of, results, strict=True):
            if isinstance(result, HarnessError):
                raise ArmError(
                    409, "ResourceGroupDeletionBlocked", f"Deleting '{resource.id}' failed: {result}"
                ) from result
            if isinstance(result, BaseException):
                raise result


RESOURCE_TYPES = (
    ResourceType(type=GROUP_TYPE, accept=_accept, unmake=_unmake, networked=True, background=frozenset({"DELETE"})),
)
