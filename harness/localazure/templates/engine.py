"""Evaluates a template: the one entry point, :func:`evaluate`, and how its parts fit together."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from harness.localazure.templates.api import EvaluatedResource, Evaluation, Lookup, Scope, TemplateError
from harness.localazure.templates.body import MAXIMUM_TURNS, evaluate_string, evaluate_value
from harness.localazure.templates.context import Context, Forbidden, Live, Recording, Runtime
from harness.localazure.templates.dependencies import dependencies
from harness.localazure.templates.document import check_sections, deployment, loop_names, section, user_functions
from harness.localazure.templates.graph import Index, order
from harness.localazure.templates.outputs import evaluate_outputs
from harness.localazure.templates.parameters import Parameters, Variables
from harness.localazure.templates.resources import DEPLOYMENTS, Expanded, expand
from harness.localazure.templates.values import FunctionError, find, kind

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
    check_sections(template)
    given = parameters if parameters is not None else {}
    if not isinstance(given, Mapping):
        raise TemplateError(f"'parameters' is an object, not {kind(given)}", path="$.parameters")
    base = Context(
        scope=scope,
        deployment=deployment(template, given, scope),
        parameters=_refuse("parameters"),
        variables=_refuse("variables"),
        functions=user_functions(template),
        names=Index((), ()),
        runtime=Forbidden("this place"),
    )
    values = Parameters(section(template, "parameters"), given, dataclasses.replace(base, now=clock()))
    shown = values.shown()
    variables = Variables(section(template, "variables"), dataclasses.replace(base, parameters=values.value))
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
    names = Index((each.declared for each in expanded), loop_names(find(template, "resources")), context.names)
    expanded = [dataclasses.replace(each, context=dataclasses.replace(each.context, names=names)) for each in expanded]
    context = dataclasses.replace(context, names=names)

    found = {each.declared.id: _resource(each, expanded) for each in expanded if each.declared.deployed}
    ordered = order({key: resource.depends_on for key, resource in found.items()})

    def outputs(runtime: Runtime) -> dict[str, dict[str, Any]]:
        return evaluate_outputs(template, context.at(runtime), checked=isinstance(runtime, Live))

    outputs(Recording())
    return Evaluation(tuple(found[key] for key in ordered), shown, lambda lookup: outputs(Live(lookup)))


def _resource(each: Expanded, all: Sequence[Expanded]) -> EvaluatedResource:
    recording = Recording()
    body = _body(each, recording)
    nests = each.declared.type.lower() == DEPLOYMENTS
    if nests:
        _check_nested(each)
    return EvaluatedResource(
        id=each.declared.id,
        type=each.declared.type,
        name=each.declared.name,
        api_version=each.declared.api_version,
        body=body,
        depends_on=tuple(dependencies(each, all, recording.ids)),
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
            check_sections(template)
            return _evaluate_in(template, each.context, scope, {})
        resolved = _body(each, Live(lookup))["properties"]
        return evaluate(template, find(resolved, "parameters"), scope)

    return nest


def _check_nested(each: Expanded) -> None:
    """Find mistakes of a nested template beforehand, as far as nothing that is yet to be deployed decides on them."""
    scope = dataclasses.replace(each.context.scope, deployment=each.declared.name)
    properties = find(each.raw, "properties")
    template = _inline_template(properties, each.path)
    recording = Recording()
    given = evaluate_value(
        find(properties, "parameters"), each.context.at(recording), f"{each.path}.properties.parameters"
    )
    try:
        if _is_outer(properties):
            check_sections(template)
            _evaluate_in(template, each.context, scope, {})
        elif not recording.ids and each.target.lower() == scope.id.lower():
            evaluate(template, given, scope)
    except TemplateError as error:
        message = f"in the nested deployment '{each.declared.name}': {error.message}"
        raise TemplateError(message, code=error.code, path=each.path) from error


def _inline_template(properties: Any, path: str) -> Mapping[str, Any]:
    template = find(properties, "template") if isinstance(properties, Mapping) else None
    if not isinstance(template, Mapping):
        raise TemplateError("a nested deployment needs its template inline, as properties.template", path=path)
    return template


def _is_outer(properties: Mapping[str, Any]) -> bool:
    """Whether the nested template's expressions see the parent's parameters and variables: so they do unless told otherwise."""
    options = find(properties, "expressionEvaluationOptions")
    return str(find(options, "scope", "outer")).lower() != "inner"


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
