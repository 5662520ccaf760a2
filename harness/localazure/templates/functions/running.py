"""Functions that read a resource that exists: ``reference()``, ``references()`` and the ``list*`` family.

A resource is named by its id, or, when the template itself declares it, by its name or symbolic name.
Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-resource#reference
"""

from __future__ import annotations

from typing import Any

from harness.localazure.templates.context import Context, Declared, Forbidden
from harness.localazure.templates.functions.signature import Function, function, table
from harness.localazure.templates.values import UNKNOWN, FunctionError


def _reference(context: Context, resource: str, api_version: str = "", full: str = "") -> Any:
    if full and full.lower() != "full":
        raise FunctionError(f"argument 3 is 'Full' or left out, not '{full}'")
    found = _target(context, resource, "reference")
    return context.runtime.read(found.id, api_version or found.api_version, bool(full), "", "reference")


def _references(context: Context, loop: str, full: str = "") -> Any:
    """Every resource of a loop, in its order."""
    found = context.names.find(loop)
    if not found and not context.names.is_loop(loop):
        raise FunctionError(f"the template has no loop of resources '{loop}'")
    values = [
        context.runtime.read(each.id, each.api_version, full.lower() == "full", "", "references") for each in found
    ]
    return UNKNOWN if any(value is UNKNOWN for value in values) else values


def list_function(name: str) -> Function:
    """``listKeys`` and every other function whose name begins with ``list``: an operation of the resource's own provider."""

    def call(context: Context, resource: str, api_version: str, request: dict[str, Any] | None = None) -> Any:
        found = _target(context, resource, name)
        return context.runtime.read(found.id, api_version or found.api_version, True, name, name)

    return function(name, call)


def _target(context: Context, resource: str, function: str) -> Declared:
    """The resource that is meant; ids of resources outside the template are taken as they are."""
    if isinstance(context.runtime, Forbidden):
        context.runtime.read(resource, "", False, "", function)
    found = context.names.find(resource)
    if len(found) > 1:
        raise FunctionError(f"'{resource}' stands for {len(found)} resources of the template; use resourceId()")
    if found:
        return found[0]
    if resource.startswith("/"):
        return Declared(id=resource, type="", name="", api_version="")
    if resource.count("/") >= 2:
        return Declared(id=f"{context.scope.id}/providers/{resource}", type="", name="", api_version="")
    raise FunctionError(f"the resource '{resource}' is not defined in the template")


RUNNING = table(reference=_reference, references=_references)
