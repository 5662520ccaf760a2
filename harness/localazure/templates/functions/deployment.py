"""Functions that ask about the deployment: its values, scope, ids, loops and clock.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-deployment, -scope, -resource, -date
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from harness.localazure.templates.context import Context
from harness.localazure.templates.functions.signature import table
from harness.localazure.templates.values import FunctionError

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE_PARTS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def _parameters(context: Context, name: str) -> Any:
    return context.parameters(name)


def _variables(context: Context, name: str) -> Any:
    return context.variables(name)


def _copy_index(context: Context, loop: str | int | None = None, offset: int = 0) -> int:
    if isinstance(loop, str):
        if loop.lower() not in context.loops:
            raise FunctionError(
                f"there is no copy loop '{loop}' around this; there is: {', '.join(context.loops) or 'none'}"
            )
        return context.loops[loop.lower()] + offset
    if context.loop is None:
        raise FunctionError("no copy loop around this; in a loop over a property or variable, name the loop")
    return context.loop + (loop or 0)


def _deployment(context: Context) -> dict[str, Any]:
    return dict(context.deployment)


def _resource_group(context: Context) -> dict[str, Any]:
    group = context.scope.group
    if group is None:
        raise FunctionError("the deployment is at subscription level and has no resource group")
    return {
        "id": f"/subscriptions/{context.scope.subscription}/resourceGroups/{group.name}",
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": "Succeeded"},
    }


def _subscription(context: Context) -> dict[str, Any]:
    scope = context.scope
    return {
        "id": f"/subscriptions/{scope.subscription}",
        "subscriptionId": scope.subscription,
        "tenantId": scope.tenant,
        "displayName": scope.subscription_name,
    }


def _tenant(context: Context) -> dict[str, Any]:
    return {"tenantId": context.scope.tenant}


def _environment(context: Context) -> dict[str, Any]:
    endpoint = context.scope.endpoint.rstrip("/")
    return {
        "name": "local",
        "resourceManager": f"{endpoint}/",
        "authentication": {"loginEndpoint": f"{endpoint}/", "audiences": [endpoint], "tenant": context.scope.tenant},
    }


def _resource_id(context: Context, first: str, *rest: str) -> str:
    """``resourceId([subscription], [group], type, name...)``."""
    parts = (first, *rest)
    at = next((position for position, part in enumerate(parts) if "/" in part), None)
    if at is None or at > 2:
        raise FunctionError(
            "takes an optional subscription id, an optional resource group, a type like 'Namespace/type', and names"
        )
    before, scope = parts[:at], context.scope
    subscription = scope.subscription
    if len(before) == 2 or (before and _GUID.fullmatch(before[0])):
        subscription = before[0]
        before = before[1:]
    group = before[0] if before else (scope.group.name if scope.group else "")
    base = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
    return _below(base, parts[at], parts[at + 1 :])


def _subscription_resource_id(context: Context, first: str, *rest: str) -> str:
    """``subscriptionResourceId([subscription], type, name...)``."""
    parts = (first, *rest)
    subscription = context.scope.subscription
    if "/" not in first:
        subscription, parts = first, rest
    if not parts:
        raise FunctionError("takes an optional subscription id, a type like 'Namespace/type', and names")
    return _below(f"/subscriptions/{subscription}", parts[0], parts[1:])


def _tenant_resource_id(type: str, *names: str) -> str:
    return _below("", type, names)


def _extension_resource_id(scope: str, type: str, *names: str) -> str:
    return _below(scope.rstrip("/"), type, names)


def _below(base: str, type: str, names: tuple[str, ...]) -> str:
    """``BASE/providers/Namespace/type/name/child/name``."""
    namespace, *types = type.split("/")
    if not types or not all(types) or len(types) != len(names):
        raise FunctionError(f"the type '{type}' needs {len(types)} name{'s' * (len(types) != 1)}, not {len(names)}")
    pairs = "".join(f"/{each}/{name}" for each, name in zip(types, names, strict=True))
    return f"{base}/providers/{namespace}{pairs}"


def _utc_now(context: Context, format: str = "yyyyMMddTHHmmssZ") -> str:
    """The time of the deployment in the digits-only parts of .NET's custom formats."""
    if context.now is None:
        raise FunctionError("is allowed only in the default value of a parameter")
    if format == "u":
        format = "yyyy-MM-dd HH:mm:ssZ"
    pattern = re.compile(r"([A-Za-z])\1*")

    def part(match: re.Match[str]) -> str:
        if match[0] in ("T", "Z"):
            return match[0]
        if match[0] not in _DATE_PARTS:
            raise FunctionError(f"'{match[0]}' is not supported in a date format: {', '.join(_DATE_PARTS)}, T, Z are")
        assert context.now is not None
        return context.now.strftime(_DATE_PARTS[match[0]])

    return pattern.sub(part, format)


def _epoch(value: str) -> int:
    try:
        return int(datetime.fromisoformat(value).timestamp())
    except ValueError as error:
        raise FunctionError(f"'{value}' is not a date of ISO 8601") from error


def _from_epoch(value: int) -> str:
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _resource_info(context: Context, name: str) -> dict[str, Any]:
    found = context.names.find(name)
    if len(found) != 1:
        raise FunctionError(f"'{name}' is {'no' if not found else 'more than one'} resource of the template")
    return {"id": found[0].id, "name": found[0].name, "type": found[0].type, "apiVersion": found[0].api_version}


DEPLOYMENT = table(
    copyIndex=_copy_index,
    dateTimeFromEpoch=_from_epoch,
    dateTimeToEpoch=_epoch,
    deployment=_deployment,
    environment=_environment,
    extensionResourceId=_extension_resource_id,
    parameters=_parameters,
    resourceGroup=_resource_group,
    resourceId=_resource_id,
    resourceInfo=_resource_info,
    subscription=_subscription,
    subscriptionResourceId=_subscription_resource_id,
    tenant=_tenant,
    tenantResourceId=_tenant_resource_id,
    utcNow=_utc_now,
    variables=_variables,
)
