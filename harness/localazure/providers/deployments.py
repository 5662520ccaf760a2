"""Microsoft.Resources/deployments: runs a template, resource by resource, as soon as what each depends on exists.

Source: https://learn.microsoft.com/rest/api/resources/deployments (2025-04-01)
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from harness.localazure.arm.api import Arm, Body, Call, Reply, ResourceType, Route, Wanted
from harness.localazure.arm.errors import ArmError, group_not_found, invalid
from harness.localazure.arm.ids import RESOURCES, ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.deployment_run import DEPLOYMENT, Run, finished, scope_of
from harness.localazure.templates.api import Evaluation, TemplateError
from harness.localazure.templates.engine import evaluate

_STATES = {"Creating": "Running", "Updating": "Running"}


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    evaluation = _evaluate(arm, resource_id, body)
    template, given = properties["template"], properties.get("parameters") or {}
    shown = {name: value for name, value in body.items() if name in ("location", "tags")}
    shown["properties"] = {
        "templateHash": str(int(hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:15], 16)),
        "parameters": evaluation.parameters,
        "mode": "Incremental",
        "debugSetting": None,
    }
    return Wanted(shown, {"template": template, "given": given, "correlation": str(uuid.uuid4())})


def _evaluate(arm: Arm, resource_id: ResourceId, body: Body) -> Evaluation:
    properties = body["properties"]
    if properties.get("templateLink") or properties.get("parametersLink"):
        raise invalid(
            "templateLink and parametersLink are not supported: give template and parameters inline.", "InvalidTemplate"
        )
    if str(properties.get("mode", "")).lower() != "incremental":
        raise invalid("properties.mode must be Incremental: local Azure has no Complete mode.", "InvalidRequestContent")
    if not isinstance(properties.get("template"), dict):
        raise invalid("properties.template is missing.", "InvalidRequestContent")
    scope = scope_of(arm, resource_id, str(body.get("location", "")))
    try:
        return evaluate(properties["template"], properties.get("parameters"), scope)
    except TemplateError as error:
        details = error.body()["error"]
        raise ArmError(400, details["code"], details["message"]) from error


async def _make(arm: Arm, resource: Resource, before: Resource | None) -> None:
    scope = scope_of(arm, resource.id, str(resource.body.get("location", "")))
    evaluation = evaluate(resource.internal["template"], resource.internal["given"], scope)
    await Run(arm, resource.id).execute(evaluation, scope)


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    properties = view["properties"]
    properties["provisioningState"] = _STATES.get(resource.state, resource.state)
    properties["correlationId"] = resource.internal["correlation"]
    properties |= finished(resource)


async def _operations(arm: Arm, deployment: Resource, call: Call) -> Reply:
    return Reply(body={"value": list(deployment.internal.get("operations", []))})


async def _cancel(arm: Arm, deployment: Resource, call: Call) -> Reply:
    if not arm.cancel(deployment.id):
        raise ArmError(
            409,
            "DeploymentCannotBeCancelled",
            f"The deployment '{deployment.id.name}' is in state {deployment.state} and cannot be canceled.",
        )
    return Reply(204)


async def _export(arm: Arm, deployment: Resource, call: Call) -> Reply:
    return Reply(body={"template": deployment.internal["template"]})


async def _validate(arm: Arm, call: Call) -> Reply:
    scope = f"/subscriptions/{call.path['subscription']}"
    if group := call.path.get("group"):
        scope += f"/resourceGroups/{group}"
        if not arm.store.get(scope):
            raise group_not_found(group)
    deployment = ResourceId(scope, RESOURCES, ("deployments",), (call.path["name"],))
    evaluation = _evaluate(arm, deployment, {"properties": {}, **call.body})
    shown: dict[str, Any] = {
        "mode": "Incremental",
        "provisioningState": "Succeeded",
        "parameters": evaluation.parameters,
        "validatedResources": [{"id": resource.id} for resource in evaluation.resources],
    }
    return Reply(body={"id": str(deployment), "name": deployment.name, "type": DEPLOYMENT, "properties": shown})


_BELOW = "/providers/Microsoft.Resources/deployments/{name}/validate"
ROUTES = (
    Route("POST", "/subscriptions/{subscription}/resourceGroups/{group}" + _BELOW, _validate),
    Route("POST", "/subscriptions/{subscription}" + _BELOW, _validate),
)
RESOURCE_TYPES = (
    ResourceType(
        type=DEPLOYMENT,
        accept=_accept,
        show=_show,
        make=_make,
        tracked=False,
        background=frozenset({"PUT"}),
        actions={"operations": _operations, "cancel": _cancel, "exporttemplate": _export},
    ),
)
