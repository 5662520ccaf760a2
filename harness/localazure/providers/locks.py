"""Microsoft.Authorization/locks: what is locked, or is in a locked scope, cannot be deleted.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources (2020-05-01)
"""

from __future__ import annotations

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.locking import LOCK
from harness.localazure.arm.store import Resource

_LEVELS = ("CanNotDelete", "ReadOnly")


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    if body["properties"].get("level") not in _LEVELS:
        raise invalid(f"The level of a lock is one of {', '.join(_LEVELS)}.", "LockLevelInvalid")
    return Wanted(body)


RESOURCE_TYPES = (ResourceType(type=LOCK, accept=_accept, tracked=False, states=False),)
