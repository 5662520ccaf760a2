"""Microsoft.Authorization/roleAssignments: what makes a managed identity able to do anything (see identity/access.py)."""

from __future__ import annotations

import uuid

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    try:
        uuid.UUID(resource_id.name)
    except ValueError as error:
        raise invalid(
            f"The role assignment ID '{resource_id.name}' must be a GUID.", "InvalidRoleAssignmentId"
        ) from error
    for name in ("roleDefinitionId", "principalId"):
        if not properties.get(name):
            raise invalid(f"A role assignment needs '{name}'.", "InvalidCreateRoleAssignmentRequest")
        if before and before.properties[name].lower() != properties[name].lower():
            raise ArmError(409, "RoleAssignmentUpdateNotPermitted", f"'{name}' of a role assignment cannot be changed.")
    properties["scope"] = resource_id.scope
    properties.setdefault("principalType", "ServicePrincipal")
    return Wanted(body)


RESOURCE_TYPES = (ResourceType(type=ASSIGNMENT, accept=_accept, tracked=False, states=False),)
