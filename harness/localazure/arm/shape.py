"""The outer shape of resources: what is taken out of a PUT's body, and what is put around it in a GET's answer."""

from __future__ import annotations

import copy
import re
from typing import Any

from harness.localazure.arm.api import Body, ResourceType
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.locations import LOCATIONS
from harness.localazure.arm.merge import merge
from harness.localazure.arm.store import Resource

_READ_ONLY = ("id", "name", "type", "etag", "systemData")
_RESOURCE_NAME = re.compile(r"[A-Za-z0-9_]([\w().-]{0,88}\w)?")


def normal_location(text: str) -> str:
    """``West Europe`` -> ``westeurope``."""
    return text.replace(" ", "").lower()


def clean(kind: ResourceType, resource_id: ResourceId, body: Body, before: Resource | None, *, patch: bool) -> Body:
    """A private copy of a PUT's (or PATCH's) body without what only the service may set; name, location and tags checked."""
    for name in resource_id.names:
        if not _RESOURCE_NAME.fullmatch(name):
            raise invalid(
                f"Resource name '{name}' is invalid: letters, digits, '_', '.', '-', at most 80.", "InvalidResourceName"
            )
    wanted = {key: value for key, value in copy.deepcopy(body).items() if key not in _READ_ONLY}
    if before and (patch or kind.merge):
        if patch and "tags" in wanted:
            wanted = {
                **merge(before.copy_body(), {k: v for k, v in wanted.items() if k != "tags"}),
                "tags": wanted["tags"],
            }
        else:
            wanted = merge(before.copy_body(), wanted)
    properties = wanted.setdefault("properties", {})
    if not isinstance(properties, dict):
        raise invalid("'properties' must be an object.", "InvalidRequestContent")
    for name in ("provisioningState", "resourceGuid"):
        properties.pop(name, None)
    for place in kind.children.values():
        properties[place] = [_clean_child(item, place) for item in properties.get(place) or []]
        names = [item["name"].lower() for item in properties[place]]
        if len(names) != len(set(names)):
            raise invalid(f"Names in '{place}' of {resource_id} are not unique.", "InvalidRequestFormat")
    if kind.tracked:
        wanted["location"] = _location(resource_id, wanted, before)
        wanted["tags"] = _tags(wanted.get("tags") or {})
    if kind.zones and not all(str(zone) in ("1", "2", "3") for zone in wanted.get("zones") or ()):
        raise invalid(
            f"Zones {wanted['zones']} of {resource_id} are invalid: '1', '2' and '3' exist.", "InvalidAvailabilityZone"
        )
    return wanted


def show(kind: ResourceType, resource: Resource) -> Body:
    """The body with id, name, type, etag and state; children of it likewise."""
    view = resource.copy_body()
    view |= {"id": str(resource.id), "name": resource.id.name, "type": resource.id.type}
    if not view.get("tags"):
        view.pop("tags", None)
    if kind.etag:
        view["etag"] = resource.etag
    if kind.states:
        view["properties"]["provisioningState"] = resource.state
    for child, place in kind.children.items():
        for item in view["properties"].get(place, []):
            item["id"] = str(resource.id.child(child, item["name"]))
            item["type"] = f"{resource.id.type}/{child}"
            item["etag"] = resource.etag
            item.setdefault("properties", {})["provisioningState"] = "Succeeded"
    return view


def _clean_child(item: Any, place: str) -> Body:
    if not isinstance(item, dict):
        raise invalid(f"Each of '{place}' must be an object.", "InvalidRequestFormat")
    name = item.get("name") or str(item.get("id", "")).rpartition("/")[2]
    if not name:
        raise invalid(f"One of '{place}' has no name.", "InvalidRequestFormat")
    kept = {key: value for key, value in item.items() if key not in _READ_ONLY}
    properties = {key: value for key, value in (item.get("properties") or {}).items() if key != "provisioningState"}
    return {**kept, "name": name, "properties": properties}


def _location(resource_id: ResourceId, wanted: Body, before: Resource | None) -> str:
    location = normal_location(str(wanted.get("location") or (before.body["location"] if before else "")))
    if not location:
        raise invalid(f"The location property is required for {resource_id}.", "LocationRequired")
    if location not in LOCATIONS:
        raise invalid(
            f"The provided location '{location}' is not available. Available: {', '.join(LOCATIONS)}.",
            "LocationNotAvailableForResourceType",
        )
    if before and before.body["location"] != location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{resource_id.name}' already exists in location '{before.body['location']}'; "
            f"a resource with the same name cannot be created in location '{location}'.",
        )
    return location


def _tags(tags: Any) -> dict[str, str]:
    if not isinstance(tags, dict) or len(tags) > 50:
        raise invalid("'tags' must be an object with at most 50 names.", "InvalidTags")
    for name, value in tags.items():
        if not name or len(name) > 512 or any(sign in name for sign in "<>%&\\?/") or len(str(value)) > 256:
            raise invalid(
                f"Tag '{name}' is invalid: no <>%&\\?/ in names, values of at most 256 characters.", "InvalidTagName"
            )
    return {name: str(value) for name, value in tags.items()}
