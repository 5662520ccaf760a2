"""The outer shape of a template: its sections, and what they declare besides resources."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harness.localazure.templates.api import Scope, TemplateError
from harness.localazure.templates.body import array
from harness.localazure.templates.context import UserFunction
from harness.localazure.templates.values import find, has, kind

_REQUIRED: Final = ("$schema", "contentVersion", "resources")
_SECTIONS: Final = (
    *_REQUIRED,
    *("apiProfile", "asserts", "definitions", "extensions", "functions", "imports", "languageVersion"),
    *("metadata", "outputs", "parameters", "variables"),
)


def check_sections(template: Any) -> None:
    """Raise :class:`TemplateError` for a missing section, or one that does not exist."""
    if not isinstance(template, Mapping):
        raise TemplateError(f"a template is an object, not {kind(template)}", path="$")
    for required in _REQUIRED:
        if not has(template, required):
            raise TemplateError(f"the template has no '{required}'", path="$")
    known = {section.lower() for section in _SECTIONS}
    for key in template:
        if key.lower() not in known:
            close = difflib.get_close_matches(key, _SECTIONS, n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise TemplateError(f"a template has no section '{key}'{hint}", path="$")


def section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section that is an object; empty when it is left out."""
    found = find(template, name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise TemplateError(f"'{name}' is an object, not {kind(found)}", path=f"$.{name}")
    return found


def user_functions(template: Mapping[str, Any]) -> dict[str, UserFunction]:
    """``functions`` of the template, by namespace and name."""
    found: dict[str, UserFunction] = {}
    for at, space in enumerate(array(find(template, "functions"), "'functions'", "$.functions")):
        path = f"$.functions[{at}]"
        namespace, members = find(space, "namespace"), find(space, "members")
        if not isinstance(namespace, str) or not isinstance(members, Mapping):
            raise TemplateError("an item of 'functions' is an object with 'namespace' and 'members'", path=path)
        for name, member in members.items():
            inside = f"{path}.members.{name}"
            names = [find(each, "name") for each in array(find(member, "parameters"), "'parameters'", inside)]
            if not all(isinstance(each, str) for each in names) or not has(find(member, "output"), "value"):
                raise TemplateError("a function has named 'parameters' and an 'output' with 'value'", path=inside)
            found[f"{namespace}.{name}".lower()] = UserFunction(tuple(names), find(find(member, "output"), "value"))
    return found


def deployment(template: Mapping[str, Any], given: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """What the function ``deployment()`` answers."""
    properties = {"template": template, "parameters": given, "mode": "Incremental", "provisioningState": "Accepted"}
    location = {} if scope.group else {"location": scope.location}
    return {"name": scope.deployment, **location, "properties": properties}


def loop_names(resources: Any) -> Iterator[str]:
    """Names of the resource loops; with symbolic names, a loop's symbol stands for it as well."""
    for symbol, raw in resources.items() if isinstance(resources, Mapping) else (("", raw) for raw in resources):
        loop = find(raw, "copy")
        if loop is not None:
            yield str(find(loop, "name"))
            if symbol:
                yield symbol
