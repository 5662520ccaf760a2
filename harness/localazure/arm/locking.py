"""Locks on scopes: looked at before anything is deleted, also what lies deeper, as a group's deletion would take it along."""

from __future__ import annotations

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Store

LOCK = "Microsoft.Authorization/locks"


def check_locks(store: Store, resource_id: ResourceId) -> None:
    """Raise ``ArmError`` 409 if a lock forbids the deletion; locks themselves go always."""
    if resource_id.type.lower() == LOCK.lower():
        return
    wanted = resource_id.key + "/"
    for lock in store.of_type(LOCK):
        scope = lock.id.scope.lower() + "/"
        if wanted.startswith(scope) or scope.startswith(wanted):
            raise ArmError(
                409,
                "ScopeLocked",
                f"The scope '{resource_id}' cannot perform delete operation because following scope(s) are locked: "
                f"'{lock.id.scope}'. Please remove the lock and try again.",
            )
