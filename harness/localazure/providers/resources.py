"""Lists of all resources of a group or subscription, filtered by type, name or tag.

Source: https://learn.microsoft.com/rest/api/resources/resources/list
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from harness.localazure.arm.api import Arm, Call, Reply, Route
from harness.localazure.arm.errors import group_not_found, invalid
from harness.localazure.arm.ids import GROUP_TYPE, RESOURCES, ResourceId
from harness.localazure.arm.store import Resource

_TERM = re.compile(r"(\w+) (eq|ne) '((?:[^']|'')*)'")


def _matches(resource: Resource, text: str) -> bool:
    """Whether a resource passes a ``$filter``: terms joined by ``and``."""
    tags = {name.lower(): value for name, value in (resource.body.get("tags") or {}).items()}
    wanted_tag = ""
    for term in re.split(r"\s+and\s+", text.strip()) if text.strip() else []:
        match = _TERM.fullmatch(term.strip("() "))
        if not match:
            raise invalid(
                f"$filter '{text}' is not supported: use NAME eq 'VALUE', joined by 'and'.",
                "InvalidFilterInQueryString",
            )
        name, operator, value = match[1].lower(), match[2], match[3].replace("''", "'")
        match name:
            case "tagname":
                wanted_tag = value.lower()
                found = wanted_tag in tags
            case "tagvalue":
                found = tags.get(wanted_tag) == value
            case "resourcetype":
                found = resource.id.type.lower() == value.lower()
            case "name":
                found = resource.id.name.lower() == value.lower()
            case "location":
                found = resource.body.get("location") == value.lower()
            case "resourcegroup":
                found = resource.id.group.lower() == value.lower()
            case _:
                raise invalid(f"$filter knows no '{match[1]}'.", "InvalidFilterInQueryString")
        if found != (operator == "eq"):
            return False
    return True


def _short(arm: Arm, resource: Resource, expanded: str) -> dict[str, Any]:
    view = arm.show(resource)
    if "createdtime" in expanded.lower():
        view["createdTime"] = datetime.fromtimestamp(resource.created, UTC).isoformat()
    kept = ("id", "name", "type", "location", "tags", "sku", "zones", "identity", "kind", "managedBy", "createdTime")
    return {name: view[name] for name in kept if name in view}


async def _list(arm: Arm, call: Call) -> Reply:
    scope = ResourceId("", RESOURCES, ("subscriptions",), (call.path["subscription"],))
    if group := call.path.get("group"):
        scope = ResourceId(str(scope), RESOURCES, ("resourceGroups",), (group,))
        if not arm.store.get(scope):
            raise group_not_found(group)
    text, expanded = call.query.get("$filter", ""), call.query.get("$expand", "")
    found = [r for r in arm.store.below(scope) if arm.type_of(r.id.type).tracked and r.id.type != GROUP_TYPE]
    return Reply(body={"value": [_short(arm, resource, expanded) for resource in found if _matches(resource, text)]})


async def _groups(arm: Arm, call: Call) -> Reply:
    text = call.query.get("$filter", "")
    return Reply(body={"value": [arm.show(found) for found in arm.store.of_type(GROUP_TYPE) if _matches(found, text)]})


_S = "/subscriptions/{subscription}"
ROUTES = (
    Route("GET", f"{_S}/resources", _list),
    Route("GET", f"{_S}/resourceGroups", _groups),
    Route("GET", f"{_S}/resourceGroups/{{group}}/resources", _list),
)
