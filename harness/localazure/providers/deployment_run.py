"""One run of a template: the graph walked in parallel, an operation recorded for each resource, outputs or errors at the end.

Resources that depend on a failed one are not started; all others are. A canceled run starts nothing more, and waits for what it
started. After a restart of the server the whole template runs again, which changes nothing that is already there.
"""

from __future__ import annotations

import asyncio
import datetime
import http
import time
import uuid
from collections.abc import Mapping
from typing import Any

from harness.errors import HarnessError
from harness.localazure.arm.api import Arm
from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.ids import RESOURCES, ResourceId, parse_id
from harness.localazure.arm.store import Resource
from harness.localazure.templates.api import EvaluatedResource, Evaluation, ResourceGroup, Scope, TemplateError

DEPLOYMENT = f"{RESOURCES}/deployments"


def scope_of(arm: Arm, deployment: ResourceId, location: str) -> Scope:
    """Where a deployment deploys to: its resource group, or the subscription."""
    group = arm.require(deployment.group_id) if deployment.group_id else None
    return Scope(
        subscription=arm.subscription,
        group=ResourceGroup(group.id.name, group.body["location"], group.body.get("tags") or {}) if group else None,
        deployment=deployment.name,
        tenant=arm.tenant,
        location=location,
        endpoint=f"{arm.endpoint}/",
    )


def finished(resource: Resource) -> dict[str, Any]:
    """What a deployment shows of its run."""
    names = ("timestamp", "duration", "outputs", "outputResources", "error", "dependencies", "providers")
    return {name: resource.internal[name] for name in names if name in resource.internal}


class Run:
    """The run of one deployment; ``deployment`` is a resource of the store."""

    def __init__(self, arm: Arm, deployment: ResourceId) -> None:
        self._arm = arm
        self._id = deployment
        self._operations: list[dict[str, Any]] = []
        self._began = time.time()

    async def execute(self, evaluation: Evaluation, scope: Scope) -> None:
        """Run to the end; raises ``ArmError`` (``DeploymentFailed``) with what failed."""
        providers = sorted({resource.type.partition("/")[0] for resource in evaluation.resources})
        self._remember(operations=[], providers=[{"namespace": name} for name in providers])
        errors = await self._walk(evaluation)
        outputs: Mapping[str, Any] = {}
        if not errors:
            try:
                outputs = evaluation.outputs(self._lookup)
            except (TemplateError, ArmError) as error:
                errors.append(_error_of(error, str(self._id)))
        self._remember(
            timestamp=_now(),
            duration=_duration(time.time() - self._began),
            outputResources=[{"id": resource.id} for resource in evaluation.resources],
        )
        if errors:
            failure = ArmError(
                409,
                "DeploymentFailed",
                "At least one resource deployment operation failed. Please list deployment operations for details.",
                details=errors,
            )
            self._remember(error=failure.error())
            raise failure
        self._remember(outputs=dict(outputs))

    async def _walk(self, evaluation: Evaluation) -> list[dict[str, Any]]:
        waiting = {resource.id.lower(): resource for resource in evaluation.resources}
        done: set[str] = set()
        running: dict[asyncio.Task[None], EvaluatedResource] = {}
        errors: list[dict[str, Any]] = []
        try:
            while True:
                for key, resource in list(waiting.items()):
                    if {other.lower() for other in resource.depends_on} <= done:
                        running[asyncio.create_task(self._deploy(waiting.pop(key)), name=f"deploy {key}")] = resource
                if not running:
                    return errors
                ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    resource = running.pop(task)
                    failure = task.exception()
                    if failure is None:
                        done.add(resource.id.lower())
                    elif isinstance(failure, HarnessError):
                        errors.append(_error_of(failure, resource.id))
                    else:
                        raise failure
        finally:
            await asyncio.gather(*running, return_exceptions=True)

    async def _deploy(self, resource: EvaluatedResource) -> None:
        began = time.time()
        target = parse_id(resource.id)
        existed = self._arm.store.get(target) is not None
        try:
            nested = self._nested(resource, target)
            if nested is None:
                await self._arm.put_inside(target, resource.resolve(self._lookup))
            else:
                await self._run_nested(target, resource, *nested)
        except HarnessError as error:
            status = error.status if isinstance(error, ArmError) else 400
            self._record(
                resource,
                began,
                "Failed",
                http.HTTPStatus(status).phrase.replace(" ", ""),
                _error_of(error, resource.id),
            )
            raise
        self._record(resource, began, "Succeeded", "OK" if existed else "Created", None)

    def _nested(self, resource: EvaluatedResource, target: ResourceId) -> tuple[Evaluation, Scope] | None:
        if resource.type.lower() != DEPLOYMENT.lower():
            return None
        scope = scope_of(self._arm, target, str(resource.body.get("location", "")))
        found = resource.nested(self._lookup, scope)
        return (found, scope) if found else None

    async def _run_nested(
        self, target: ResourceId, resource: EvaluatedResource, evaluation: Evaluation, scope: Scope
    ) -> None:
        """A deployment in a deployment: a resource of its own, run here."""
        properties = {"mode": "Incremental", "parameters": evaluation.parameters}
        internal = {"template": resource.body["properties"]["template"], "given": {}, "correlation": str(uuid.uuid4())}
        self._arm.store.put(target, {"properties": properties}, internal, "Running")
        try:
            await Run(self._arm, target).execute(evaluation, scope)
        except BaseException:
            self._arm.store.set_state(target, "Failed")
            raise
        self._arm.store.set_state(target, "Succeeded")

    def _lookup(self, resource_id: str, api_version: str, full: bool, action: str = "") -> Mapping[str, Any]:
        if action:
            raise ArmError(400, "NotSupported", f"{action}() is not supported for '{resource_id}'.")
        view = self._arm.read(parse_id(resource_id))
        found: Mapping[str, Any] = view if full else view["properties"]
        return found

    def _record(
        self, resource: EvaluatedResource, began: float, state: str, status: str, error: dict[str, Any] | None
    ) -> None:
        name = uuid.uuid4().hex[:16].upper()
        properties: dict[str, Any] = {
            "provisioningOperation": "Create",
            "provisioningState": state,
            "timestamp": _now(),
            "duration": _duration(time.time() - began),
            "trackingId": str(uuid.uuid4()),
            "statusCode": status,
            "targetResource": {"id": resource.id, "resourceType": resource.type, "resourceName": resource.name},
        }
        if error:
            properties["statusMessage"] = {"status": "Failed", "error": error}
        self._operations.append({"id": f"{self._id}/operations/{name}", "operationId": name, "properties": properties})
        self._remember(operations=list(self._operations))

    def _remember(self, **facts: Any) -> None:
        if found := self._arm.store.get(self._id):
            self._arm.store.set_state(found.id, found.state, **facts)


def _error_of(error: HarnessError, target: str) -> dict[str, Any]:
    if isinstance(error, ArmError):
        return {**error.error(), "target": target}
    code = error.code if isinstance(error, TemplateError) else "InternalExecutionError"
    return {"code": code, "message": str(error), "target": target}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


def _duration(seconds: float) -> str:
    return f"PT{seconds:.3f}S"
