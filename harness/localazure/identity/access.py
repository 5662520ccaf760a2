"""Role assignments: what a principal other than the owner may do.

A managed identity without a role assignment may do nothing, exactly as on Azure, so that a template that forgets the
assignment fails here too. The built-in roles are known by their ids; a role that is not known counts as Contributor.
What is not in a resource group (providers, locations, SKUs) may be read by whoever has any role in the subscription.
"""

from __future__ import annotations

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.store import Store
from harness.localazure.identity.tokens import Principal

ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def authorize(store: Store, principal: Principal, method: str, path: str) -> None:
    """Raise ``ArmError`` 403 unless the principal may do this."""
    if principal.owner:
        return
    wanted = path.lower().rstrip("/") + "/"
    for assignment in store.of_type(ASSIGNMENTS):
        properties = assignment.properties
        if properties["principalId"].lower() != principal.object_id.lower():
            continue
        if method == "GET" and "/resourcegroups/" not in wanted:
            return
        reader = properties["roleDefinitionId"].lower().endswith(READER)
        if wanted.startswith(assignment.id.scope.lower() + "/") and (method in ("GET", "HEAD") or not reader):
            return
    raise ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{principal.name}' with object id '{principal.object_id}' does not have authorization to perform "
        f"{method} on '{path}', or its role assignment does not cover that scope.",
    )
