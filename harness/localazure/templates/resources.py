"""Finds the resources that a template declares: loops unrolled, children lifted out of their parents, names and ids known.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/resource-declaration, copy-resources, child-resource-name-type
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.localazure.templates.api import TemplateError
from harness.localazure.templates.body import array, evaluate_value, loop_count, loop_name
from harness.localazure.templates.context import Context, Declared, Forbidden
from harness.localazure.templates.values import find, kind

DEPLOYMENTS = "microsoft.resources/deployments"
GROUPS = "microsoft.resources/resourcegroups"


@dataclass(frozen=True)
class Expanded:
    """One turn of one declaration."""

    raw: Mapping[str, Any]
    context: Context
    declared: Declared
    path: str
    batch: int
    """For serial loops the number of its batch, which waits for the one before; -1 otherwise."""
    target: str
    """Scope id that a nested deployment deploys to, or that holds the resource."""


@dataclass(frozen=True)
class _Parent:
    type: str = ""
    name: str = ""

    def child(self, type: str, name: str) -> tuple[str, str]:
        """Full type and name of a resource declared inside this one."""
        if not self.type or type.lower().startswith(f"{self.type.lower()}/"):
            return type, name
        return f"{self.type}/{type}", f"{self.name}/{name}"


def expand(resources: Any, context: Context, base: str) -> list[Expanded]:
    """Every resource of the template's ``resources``; ``base`` is the scope id they belong to."""
    if isinstance(resources, list):
        found = [
            each for at, raw in enumerate(resources) for each in _turns(raw, "", context, base, f"$.resources[{at}]")
        ]
    elif isinstance(resources, Mapping):
        found = [
            each
            for symbol, raw in resources.items()
            for each in _turns(raw, symbol, context, base, f"$.resources.{symbol}")
        ]
    else:
        raise TemplateError(f"'resources' is an array or an object, not {kind(resources)}", path="$.resources")
    _reject_twins(found)
    return found


def _turns(
    raw: Any, symbol: str, context: Context, base: str, path: str, parent: _Parent | None = None
) -> Iterator[Expanded]:
    if not isinstance(raw, Mapping):
        raise TemplateError(f"a resource is an object, not {kind(raw)}", path=path)
    loop = find(raw, "copy")
    if loop is None:
        yield from _one(raw, symbol, "", context, base, path, parent or _Parent(), -1)
        return
    name = loop_name(loop, f"{path}.copy")
    mode = str(find(loop, "mode", "parallel")).lower()
    if mode not in ("parallel", "serial"):
        raise TemplateError(f"the mode of a copy loop is parallel or serial, not {mode!r}", path=f"{path}.copy.mode")
    size = find(loop, "batchSize", 1)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise TemplateError("the batchSize of a copy loop is an int of at least 1", path=f"{path}.copy.batchSize")
    for turn in range(loop_count(loop, context, f"{path}.copy")):
        inside = context.inside(name, turn, nameless=True)
        batch = turn // size if mode == "serial" else -1
        yield from _one(raw, symbol and f"{symbol}[{turn}]", name, inside, base, path, parent or _Parent(), batch)


def _one(
    raw: Mapping[str, Any], symbol: str, loop: str, context: Context, base: str, path: str, parent: _Parent, batch: int
) -> Iterator[Expanded]:
    type, name = parent.child(_string(raw, "type", context, path), _string(raw, "name", context, path))
    _check_segments(type, name, path)
    existing = find(raw, "existing") is True
    holder = _holder(raw, type, context, base, path)
    declared = Declared(
        id=resource_id(holder, type, name),
        type=type,
        name=name,
        api_version=_string(raw, "apiVersion", context, path),
        symbol=symbol,
        loop=loop,
        deployed=not existing and _condition(raw, context, path),
    )
    yield Expanded(raw, context, declared, path, batch, holder)
    for at, child in enumerate(array(find(raw, "resources"), "'resources' of a resource", path)):
        yield from _turns(child, "", context, base, f"{path}.resources[{at}]", _Parent(type, name))


def resource_id(holder: str, type: str, name: str) -> str:
    """The ARM id of a resource below a scope id."""
    if type.lower() == GROUPS:
        return f"{holder}/resourceGroups/{name}"
    namespace, *types = type.split("/")
    pairs = "".join(f"/{each}/{part}" for each, part in zip(types, name.split("/"), strict=True))
    return f"{holder}/providers/{namespace}{pairs}"


def _holder(raw: Mapping[str, Any], type: str, context: Context, base: str, path: str) -> str:
    """The scope id below which the resource lives: its ``scope``, another group or subscription, or the deployment's own."""
    if find(raw, "scope") is not None:
        scope = _string(raw, "scope", context, path).rstrip("/")
        return scope if scope.startswith("/") or not scope else f"{base}/providers/{scope}"
    group, subscription = find(raw, "resourceGroup"), find(raw, "subscriptionId")
    own = base.split("/")
    if group is None and subscription is None:
        return "/".join(own[:3]) if type.lower() == GROUPS else base
    holder = f"/subscriptions/{_string(raw, 'subscriptionId', context, path)}" if subscription else "/".join(own[:3])
    return f"{holder}/resourceGroups/{_string(raw, 'resourceGroup', context, path)}" if group else holder


def _string(raw: Mapping[str, Any], key: str, context: Context, path: str) -> str:
    """A string that must be known before anything is deployed."""
    written = find(raw, key)
    if written is None:
        raise TemplateError(f"the resource has no '{key}'", path=path)
    place = f"the {key} of a resource"
    value = evaluate_value(written, dataclasses.replace(context, runtime=Forbidden(place)), f"{path}.{key}")
    if not isinstance(value, str) or not value:
        raise TemplateError(f"{place} is a string that is not empty, not {kind(value)}", path=f"{path}.{key}")
    return value


def _condition(raw: Mapping[str, Any], context: Context, path: str) -> bool:
    written = find(raw, "condition", True)
    value = evaluate_value(written, context.at(Forbidden("the condition of a resource")), f"{path}.condition")
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise TemplateError(f"the condition of a resource is a bool, not {kind(value)}", path=f"{path}.condition")
    return value


def _check_segments(type: str, name: str, path: str) -> None:
    types, names = type.split("/"), name.split("/")
    if len(types) < 2 or not all(types):
        raise TemplateError(f"the type '{type}' is not of the form Namespace/type", path=f"{path}.type")
    if len(types) - 1 != len(names) or not all(names):
        raise TemplateError(
            f"the name '{name}' has {len(names)} segments, but the type '{type}' needs {len(types) - 1}",
            path=f"{path}.name",
        )


def _reject_twins(found: list[Expanded]) -> None:
    seen: dict[str, str] = {}
    for each in found:
        key = each.declared.id.lower()
        if each.declared.deployed and key in seen:
            raise TemplateError(f"the resource '{each.declared.id}' is declared before, at {seen[key]}", path=each.path)
        if each.declared.deployed:
            seen[key] = each.path
