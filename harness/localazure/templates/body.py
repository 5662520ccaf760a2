"""Evaluates JSON: every string of it, and ``copy`` loops over properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.localazure.templates.api import TemplateError
from harness.localazure.templates.context import Context, Forbidden
from harness.localazure.templates.interpreter import evaluate_text
from harness.localazure.templates.lexer import ExpressionError
from harness.localazure.templates.values import UNKNOWN, find, kind

MAXIMUM_TURNS = 800
"""ARM's limit for the turns of a loop and for the resources of a template."""


def evaluate_string(text: str, context: Context, path: str) -> Any:
    """The value of one string, :data:`UNKNOWN` if it needs a resource that does not exist yet; raises :class:`TemplateError`."""
    try:
        return evaluate_text(text, context)
    except ExpressionError as error:
        shown = text if len(text) <= 200 else f"{text[:200]}..."
        raise TemplateError(f'{error.message}, at position {error.position} of "{shown}"', path=path) from error
    except RecursionError as error:
        raise TemplateError("the expression leads to too deep a recursion", path=path) from error


def evaluate_value(value: Any, context: Context, path: str) -> Any:
    """A copy of ``value`` with every expression replaced by what it yields; what is unknown yet stays as it is written."""
    if isinstance(value, str):
        result = evaluate_string(value, context, path)
        if callable(result):
            raise TemplateError(f'a lambda is not a value: "{value}"', path=path)
        return value if result is UNKNOWN else result
    if isinstance(value, list):
        return [evaluate_value(item, context, f"{path}[{at}]") for at, item in enumerate(value)]
    if isinstance(value, Mapping):
        return _object(value, context, path)
    return value


def _object(value: Mapping[str, Any], context: Context, path: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        if key.lower() == "copy" and isinstance(item, list):
            for at, loop in enumerate(item):
                result[loop_name(loop, f"{path}.copy[{at}]")] = evaluate_loop(loop, context, f"{path}.copy[{at}]")
        else:
            result[key] = evaluate_value(item, context, f"{path}.{key}")
    return result


def array(value: Any, what: str, path: str) -> list[Any]:
    """An array that may be left out; raises :class:`TemplateError` for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise TemplateError(f"{what} is an array, not {kind(value)}", path=path)
    return value


def loop_name(loop: Any, path: str) -> str:
    """The name of a ``copy`` entry."""
    name = find(loop, "name")
    if not isinstance(name, str) or not name:
        raise TemplateError("a copy loop is an object with 'name', 'count' and 'input'", path=path)
    return name


def evaluate_loop(loop: Mapping[str, Any], context: Context, path: str, *, nameless: bool = False) -> list[Any]:
    """The array that a ``copy`` over a property, a variable or an output makes."""
    name = loop_name(loop, path) if not nameless else ""
    pattern = find(loop, "input", UNKNOWN)
    if pattern is UNKNOWN:
        raise TemplateError("the copy loop has no 'input'", path=path)
    return [
        evaluate_value(pattern, context.inside(name, turn, nameless=nameless), f"{path}.input")
        for turn in range(loop_count(loop, context, path))
    ]


def loop_count(loop: Mapping[str, Any], context: Context, path: str) -> int:
    """How often a loop turns; 0 makes nothing."""
    count = evaluate_value(find(loop, "count"), context.at(Forbidden("the count of a copy loop")), f"{path}.count")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAXIMUM_TURNS:
        shown = count if isinstance(count, int | str) else kind(count)
        raise TemplateError(
            f"the count of a copy loop is an int from 0 to {MAXIMUM_TURNS}, not {shown}", path=f"{path}.count"
        )
    return count
