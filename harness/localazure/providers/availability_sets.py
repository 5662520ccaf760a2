"""Microsoft.Compute/availabilitySets."""

from __future__ import annotations

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.links import VM, link

AVAILABILITY_SET = "Microsoft.Compute/availabilitySets"


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    for name in ("virtualMachines", "statuses"):
        properties.pop(name, None)
    body.setdefault("sku", {"name": "Classic"})
    for name, default, limit in (("platformFaultDomainCount", 2, 3), ("platformUpdateDomainCount", 5, 20)):
        value = properties.setdefault(name, default)
        if not isinstance(value, int) or not 1 <= value <= limit:
            raise invalid(f"{name} of '{resource_id.name}' must be between 1 and {limit}.", "InvalidParameter")
    return Wanted(body)


def _members(arm: Arm, resource: Resource) -> list[str]:
    return [
        str(machine.id)
        for machine in arm.store.of_type(VM)
        if link(machine.body, "availabilitySet").lower() == resource.id.key
    ]


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    view["properties"]["virtualMachines"] = [{"id": member} for member in _members(arm, resource)]


def _check_unused(arm: Arm, resource: Resource) -> None:
    if members := _members(arm, resource):
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Availability set {resource.id.name} cannot be deleted: it still has {members[0]}.",
        )


RESOURCE_TYPES = (
    ResourceType(
        type=AVAILABILITY_SET, accept=_accept, show=_show, check_unused=_check_unused, states=False, merge=True
    ),
)
