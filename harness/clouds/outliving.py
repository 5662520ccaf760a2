"""What survives the deletion of a resource group that it belongs to: found before the group goes, while it can be told whose it is.

Role assignments of the group's identities on other scopes stay behind for ever (https://learn.microsoft.com/azure/role-based-access-control/
troubleshooting#role-assignments-with-identity-not-found), deployments at the subscription stay in its history of 800, and DNS records
stay in a zone that others own. The last two are ours if they carry the run's and the cell's tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from harness.clouds.api import TAG_CELL, TAG_RUN
from harness.clouds.memory import Marks
from harness.clouds.rest import Rest

_ROLES = "2022-04-01"
_MACHINES = "2025-04-01"
_IDENTITIES = "2023-01-31"
_DEPLOYMENTS = "2025-04-01"
_ZONES = "2018-05-01"
_NOT_USED = frozenset(
    {"MissingSubscriptionRegistration", "NoRegisteredProviderFound", "InvalidResourceType", "InvalidResourceNamespace"}
)
"""Codes that say that there can be none: the subscription does not use the provider."""


@dataclass(frozen=True)
class Outliving:
    """One resource outside the group."""

    id: str
    version: str
    """``api-version`` that knows it."""

    @classmethod
    def at(cls, path: str) -> Outliving:
        """The one with this path."""
        return cls(*path.split("?api-version="))

    @property
    def path(self) -> str:
        return f"{self.id}?api-version={self.version}"

    @property
    def command(self) -> str:
        """What removes it by hand."""
        return f"az rest --method delete --url '{self.path}'"


Finder = Callable[[Rest, Marks], Iterator[Outliving]]


def read_marks(rest: Rest, group: str, tags: Mapping[str, str]) -> Marks:
    """Those of the group with this id; raises what the SDK raises."""
    return Marks(group, tags, frozenset(_principals(rest, group)))


def searches(marks: Marks) -> list[tuple[str, str]]:
    """What is to be looked for by hand if it cannot be looked up here, with the command that lists it."""
    found = [
        (f"role assignments of {principal}", f"az role assignment list --all --assignee {principal}")
        for principal in sorted(marks.principals)
    ]
    if run := marks.tags.get(TAG_RUN):
        query = f"[?tags.\"{TAG_RUN}\"=='{run}'].id"
        found.append((f"deployments of run {run} at the subscription", f"az deployment sub list --query '{query}'"))
        found.append((f"DNS records of run {run}, by their metadata", "az network dns zone list"))
    return found


def role_assignments(rest: Rest, marks: Marks) -> Iterator[Outliving]:
    """Those of the group's identities, on scopes outside the group."""
    for principal in marks.principals:
        wanted = f"api-version={_ROLES}&$filter=principalId%20eq%20'{principal}'"
        for item in rest.list(f"{rest.scope}/providers/Microsoft.Authorization/roleAssignments?{wanted}"):
            properties = item["properties"]
            inside = (str(properties["scope"]).lower() + "/").startswith(marks.group.lower() + "/")
            if properties["principalId"] == principal and not inside:
                yield Outliving(item["id"], _ROLES)


def deployments(rest: Rest, marks: Marks) -> Iterator[Outliving]:
    """Deployments at the subscription that carry the group's run and cell."""
    for item in rest.list(f"{rest.scope}/providers/Microsoft.Resources/deployments?api-version={_DEPLOYMENTS}"):
        if "/resourcegroups/" not in item["id"].lower() and _ours(item.get("tags"), marks.tags):
            yield Outliving(item["id"], _DEPLOYMENTS)


def dns_records(rest: Rest, marks: Marks) -> Iterator[Outliving]:
    """Record sets whose metadata names the group's run and cell, in zones outside the group."""
    for zone in rest.list(f"{rest.scope}/providers/Microsoft.Network/dnszones?api-version={_ZONES}"):
        if zone["id"].lower().startswith(marks.group.lower() + "/"):
            continue
        with suppress(ResourceNotFoundError):  # the zone has gone meanwhile, with its records
            for item in rest.list(f"{zone['id']}/recordsets?api-version={_ZONES}"):
                if _ours((item.get("properties") or {}).get("metadata"), marks.tags):
                    yield Outliving(item["id"], _ZONES)


FINDERS: tuple[Finder, ...] = (role_assignments, deployments, dns_records)


def find_outliving(rest: Rest, marks: Marks) -> list[Outliving]:
    """Everything of all kinds; raises what the SDK raises when one kind cannot be listed."""
    found: dict[str, Outliving] = {}
    for finder in FINDERS:
        try:
            found |= {item.id.lower(): item for item in finder(rest, marks)}
        except HttpResponseError as error:
            if error.error is None or error.error.code not in _NOT_USED:
                raise
    return list(found.values())


def _principals(rest: Rest, group: str) -> set[str]:
    compute = f"{group}/providers/Microsoft.Compute/virtualMachines?api-version={_MACHINES}"
    managed = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities?api-version={_IDENTITIES}"
    found = {(item.get("identity") or {}).get("principalId") for item in _of_used(rest, compute)}
    found |= {(item.get("properties") or {}).get("principalId") for item in _of_used(rest, managed)}
    return {str(principal) for principal in found if principal}


def _of_used(rest: Rest, path: str) -> Iterator[dict[str, Any]]:
    """The collection; nothing if the subscription does not use its provider."""
    try:
        yield from rest.list(path)
    except HttpResponseError as error:
        if error.error is None or error.error.code not in _NOT_USED:
            raise


def _ours(given: Any, tags: Mapping[str, str]) -> bool:
    return bool(given and tags.get(TAG_RUN)) and all(given.get(name) == tags.get(name) for name in (TAG_RUN, TAG_CELL))
