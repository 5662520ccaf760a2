"""Evaluates a template: the one entry point, :func:`evaluate`, and how its parts fit together."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from harness.localazure.templates.api import EvaluatedResource, Evaluation, Lookup, Scope, TemplateError
from harness.localazure.templates.body import MAXIMUM_TURNS, array, evaluate_loop, evaluate_string, evaluate_value
from harness.localazure.templates.context import Context, Forbidden, Live, Recording, Runtime, UserFunction
from harness.localazure.templates.graph import Index, order
from harness.localazure.templates.parameters import Parameters, Variables, check_type, typed
from harness.localazure.templates.resources import DEPLOYMENTS, Expanded, expand
from harness.localazure.templates.values import FunctionError, find, has, kind

_REQUIRED: Final = ("$schema", "contentVersion", "resources")
_SECTIONS: Final = (
    *_REQUIRED,
    *("apiProfile", "asserts", "definitions", "extensions", "functions", "imports", "languageVersion"),
    *("metadata", "outputs", "parameters", "variables"),
)
_NOT_OF_THE_BODY: Final = frozenset(
    {
        *("apiversion", "asserts", "comments", "condition", "copy", "dependson", "existing", "extension", "import"),
        *("metadata", "name", "resourcegroup", "resources", "scope", "subscriptionid", "type", "$options"),
    }
)
"""Keys of a declaration that speak to the template engine, in lower case; the rest is what is PUT."""


def evaluate(
    template: Any, parameters: Any, scope: Scope, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Evaluation:
    """Evaluate a template as far as it goes before anything exists.

    :param template: the template as JSON.
    :param parameters: ``{"name": {"value": ...}}`` as in a deployment's PUT; ``None`` for none.
    :param clock: what ``utcNow()`` reads.
    :raises TemplateError: for whatever is wrong, before anything is created.
    """
    _check_sections(template)
    given = parameters if parameters is not None else {}
    if not isinstance(given, Mapping):
        raise TemplateError(f"'parameters' is an object, not {kind(given)}", path="$.parameters")
    base = Context(
        scope=scope,
        deployment=_deployment(template, given, scope),
        parameters=_refuse("parameters"),
        variables=_refuse("variables"),
        functions=_user_functions(template),
        names=Index((), ()),
        runtime=Forbidden("this place"),
    )
    values = Parameters(_section(template, "parameters"), given, dataclasses.replace(base, now=clock()))
    shown = values.shown()
    variables = Variables(_section(template, "variables"), dataclasses.replace(base, parameters=values.value))
    variables.check()
    context = dataclasses.replace(base, parameters=values.value, variables=variables.value)
    return _evaluate_in(template, context, scope, shown)


def _evaluate_in(
    template: Mapping[str, Any], context: Context, target: Scope, shown: Mapping[str, Mapping[str, Any]]
) -> Evaluation:
    """Evaluate resources and outputs in a context; ``target`` is where the resources go."""
    expanded = expand(find(template, "resources"), context, target.id)
    if len(expanded) > MAXIMUM_TURNS:
        raise TemplateError(
            f"a template has at most {MAXIMUM_TURNS} resources, not {len(expanded)}", path="$.resources"
        )
    names = Index((each.declared for each in expanded), _loop_names(find(template, "resources")), context.names)
    expanded = [dataclasses.replace(each, context=dataclasses.replace(each.context, names=names)) for each in expanded]
    context = dataclasses.replace(context, names=names)

    found = {each.declared.id: _resource(each, expanded) for each in expanded if each.declared.deployed}
    ordered = order({key: resource.depends_on for key, resource in found.items()})

    def outputs(runtime: Runtime) -> dict[str, dict[str, Any]]:
        return _outputs(template, context.at(runtime), checked=isinstance(runtime, Live))

    outputs(Recording())
    return Evaluation(tuple(found[key] for key in ordered), shown, lambda lookup: outputs(Live(lookup)))


def _resource(each: Expanded, all: Sequence[Expanded]) -> EvaluatedResource:
    recording = Recording()
    body = _body(each, recording)
    nests = each.declared.type.lower() == DEPLOYMENTS
    return EvaluatedResource(
        id=each.declared.id,
        type=each.declared.type,
        name=each.declared.name,
        api_version=each.declared.api_version,
        body=body,
        depends_on=tuple(_dependencies(each, all, recording.ids)),
        resolver=lambda lookup: _body(each, Live(lookup)),
        nester=_nester(each) if nests else None,
        target=each.target if nests else "",
    )


def _body(each: Expanded, runtime: Runtime) -> dict[str, Any]:
    """What is PUT. A nested deployment's template stays as it is: it is evaluated by itself."""
    context = each.context.at(runtime)
    body = {
        key: evaluate_value(value, context, f"{each.path}.{key}")
        for key, value in each.raw.items()
        if key.lower() not in _NOT_OF_THE_BODY and key.lower() != "properties"
    }
    properties = find(each.raw, "properties")
    if properties is None:
        return body
    if each.declared.type.lower() != DEPLOYMENTS or not isinstance(properties, Mapping):
        return {**body, "properties": evaluate_value(properties, context, f"{each.path}.properties")}
    template = _inline_template(properties, each.path)
    rest = {key: value for key, value in properties.items() if key.lower() != "template"}
    if isinstance(runtime, Recording) and _is_outer(properties):
        for text in _strings(template):
            with contextlib.suppress(TemplateError):
                evaluate_string(text, context, each.path)
    return {**body, "properties": {**evaluate_value(rest, context, f"{each.path}.properties"), "template": template}}


def _nester(each: Expanded) -> Callable[[Lookup, Scope], Evaluation]:
    """How the deployment inside ``each`` is evaluated once its own dependencies exist."""

    def nest(lookup: Lookup, scope: Scope) -> Evaluation:
        properties = find(each.raw, "properties")
        template = _inline_template(properties, each.path)
        if _is_outer(properties):
            _check_sections(template)
            return _evaluate_in(template, each.context, scope, {})
        resolved = _body(each, Live(lookup))["properties"]
        return evaluate(template, find(resolved, "parameters"), scope)

    return nest


def _inline_template(properties: Any, path: str) -> Mapping[str, Any]:
    template = find(properties, "template") if isinstance(properties, Mapping) else None
    if not isinstance(template, Mapping):
        raise TemplateError("a nested deployment needs its template inline, as properties.template", path=path)
    return template


def _is_outer(properties: Mapping[str, Any]) -> bool:
    """Whether the nested template's expressions see the parent's parameters and variables: so they do unless told otherwise."""
    options = find(properties, "expressionEvaluationOptions")
    return str(find(options, "scope", "outer")).lower() != "inner"


def _dependencies(each: Expanded, all: Sequence[Expanded], implicit: Iterable[str]) -> list[str]:
    """Ids of deployed resources of this template that come first, without doubles."""
    deployed = {other.declared.id.lower(): other.declared.id for other in all if other.declared.deployed}
    wanted = [*_explicit(each), *implicit, *_batch_before(each, all)]
    known = dict.fromkeys(deployed[id.lower()] for id in wanted if id.lower() in deployed)
    return [id for id in known if id != each.declared.id]


def _explicit(each: Expanded) -> Iterator[str]:
    path = f"{each.path}.dependsOn"
    listed = array(find(each.raw, "dependsOn"), "dependsOn", path)
    context = each.context.at(Forbidden("dependsOn"))
    for at, written in enumerate(listed):
        name = evaluate_value(written, context, f"{path}[{at}]")
        if not isinstance(name, str):
            raise TemplateError(f"dependsOn holds strings, not {kind(name)}", path=f"{path}[{at}]")
        found = context.names.find(name)
        if not found and not context.names.is_loop(name):
            raise TemplateError(f"the resource '{name}' is not defined in the template", path=f"{path}[{at}]")
        loops = {other.loop.lower() for other in found}
        if len(found) > 1 and loops != {found[0].loop.lower()} - {""}:
            ids = ", ".join(other.id for other in found)
            raise TemplateError(f"'{name}' may mean any of {ids}; use resourceId()", path=f"{path}[{at}]")
        yield from (other.id for other in found)


def _batch_before(each: Expanded, all: Sequence[Expanded]) -> Iterator[str]:
    if each.batch > 0:
        loop = each.declared.loop
        yield from (other.declared.id for other in all if other.declared.loop == loop and other.batch == each.batch - 1)


def _outputs(template: Mapping[str, Any], context: Context, *, checked: bool) -> dict[str, dict[str, Any]]:
    """The outputs; types are checked only once values are known."""
    results: dict[str, dict[str, Any]] = {}
    for name, output in _section(template, "outputs").items():
        path = f"$.outputs.{name}"
        if not isinstance(output, Mapping) or (find(output, "copy") is None and not has(output, "value")):
            raise TemplateError("an output is an object with 'type' and either 'value' or 'copy'", path=path)
        place = Forbidden("the condition of an output")
        if evaluate_value(find(output, "condition", True), context.at(place), f"{path}.condition") is False:
            continue
        loop = find(output, "copy")
        if loop is not None:
            value: Any = evaluate_loop(loop, context, f"{path}.copy", nameless=True)
        else:
            value = evaluate_value(find(output, "value"), context, f"{path}.value")
        if checked:
            results[name] = typed(check_type(find(output, "type"), value, f"output '{name}'", path), value)
    return results


def _check_sections(template: Any) -> None:
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


def _section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = find(template, name)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise TemplateError(f"'{name}' is an object, not {kind(section)}", path=f"$.{name}")
    return section


def _user_functions(template: Mapping[str, Any]) -> dict[str, UserFunction]:
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


def _deployment(template: Mapping[str, Any], given: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    properties = {"template": template, "parameters": given, "mode": "Incremental", "provisioningState": "Accepted"}
    location = {} if scope.group else {"location": scope.location}
    return {"name": scope.deployment, **location, "properties": properties}


def _loop_names(resources: Any) -> Iterator[str]:
    for symbol, raw in resources.items() if isinstance(resources, Mapping) else (("", raw) for raw in resources):
        loop = find(raw, "copy")
        if loop is not None:
            yield str(find(loop, "name"))
            if symbol:
                yield symbol


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(item)


def _refuse(what: str) -> Callable[[str], Any]:
    def refuse(name: str) -> Any:
        raise FunctionError(f"{what} cannot be used here")

    return refuse
