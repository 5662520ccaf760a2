"""What a request asks for, without the names in it: the same in every run, and what people say a fault by.

``PUT Microsoft.Compute/virtualMachines``, ``GET Microsoft.Network/loadBalancers``, ``POST
Microsoft.Compute/virtualMachines/restart``; a poll is named after what it polls: ``POLL DELETE Microsoft.Resources/resourceGroups``.
A list is named as what it lists is, with ``LIST``.
"""

from __future__ import annotations

import json
import re

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.ids import GROUP_TYPE, ResourceId, parse_id, parse_path
from harness.localazure.arm.store import Store

POLL = re.compile(r".*/(?:locations/[^/]+/(operations)|(operationresults))/([0-9a-f-]{36})", re.IGNORECASE)
"""Path of an operation: group 1 is set for ``Azure-AsyncOperation``, group 2 for ``Location``, group 3 is its id."""
_GROUP = re.compile(r"/resourcegroups/([^/]+)", re.IGNORECASE)


def call_name(store: Store, method: str, path: str) -> str:
    """The name of a request."""
    if poll := POLL.fullmatch(path):
        known = store.fact(f"operation/{poll[3]}")
        polled = json.loads(known) if known else {"verb": "", "resource": ""}
        return f"POLL {polled['verb']} {_type_of(polled['resource'])}".rstrip()
    try:
        target = parse_path(path)
    except ArmError:
        return f"{method} {path.strip('/')}"
    if not target.tail:
        return f"{method} {target.id.type}"
    if method != "GET":
        return f"{method} {target.id.type}/{target.tail}"
    if target.namespace:
        return f"LIST {target.namespace}/{target.tail}"
    return f"LIST {GROUP_TYPE if target.tail.lower() == 'resourcegroups' else f'{target.id.type}/{target.tail}'}"


def resource_at(store: Store, path: str) -> ResourceId | None:
    """The resource that a request is about; of a poll, the one that the operation works on."""
    if poll := POLL.fullmatch(path):
        known = store.fact(f"operation/{poll[3]}")
        path = str(json.loads(known)["resource"]) if known else ""
    try:
        return parse_path(path).id
    except ArmError:
        return None


def group_in(path: str) -> str:
    """Name of the resource group in a path or id, lower case; empty if there is none."""
    found = _GROUP.search(path)
    return found[1].lower() if found else ""


def _type_of(resource: str) -> str:
    return parse_id(resource).type if resource else ""
