"""Managed identities: Microsoft.ManagedIdentity/userAssignedIdentities, and the ``identity`` of a machine.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview
"""

from __future__ import annotations

import uuid

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.references import check_reference

IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    known = before.properties if before else {"clientId": str(uuid.uuid4()), "principalId": str(uuid.uuid4())}
    ids = {name: known[name] for name in ("clientId", "principalId")}
    return Wanted({**body, "properties": {**ids, "tenantId": arm.tenant}})


def settle_identity(arm: Arm, body: Body, before: Resource | None) -> None:
    """Complete the ``identity`` of a machine: a principal of its own, those of the identities it was given."""
    identity = body.get("identity")
    if not identity:
        body.pop("identity", None)
        return
    kinds = {part.strip().lower() for part in str(identity.get("type", "")).split(",")}
    if not kinds <= {"none", "systemassigned", "userassigned"}:
        raise invalid(
            f"identity.type '{identity.get('type')}' must be None, SystemAssigned, UserAssigned or both.",
            "InvalidParameter",
        )
    known = (before.body.get("identity") or {}) if before else {}
    completed: Body = {"type": identity["type"]}
    if "systemassigned" in kinds:
        completed |= {"principalId": known.get("principalId") or str(uuid.uuid4()), "tenantId": arm.tenant}
    if "userassigned" in kinds:
        completed["userAssignedIdentities"] = assigned = {}
        for text in identity.get("userAssignedIdentities") or {}:
            if found := check_reference(arm, text, IDENTITY):
                assigned[str(found.id)] = {name: found.properties[name] for name in ("clientId", "principalId")}
    body["identity"] = completed


RESOURCE_TYPES = (ResourceType(type=IDENTITY, accept=_accept, states=False),)
