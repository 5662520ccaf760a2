"""Evaluates the tree of an expression.

What needs a resource that does not exist yet is :data:`UNKNOWN`, and so is everything computed from it. Evaluating a body once
in that state both finds what is wrong with the rest of it and collects every dependency, whatever branch or lambda it hides in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.localazure.templates.context import Context, UserFunction
from harness.localazure.templates.functions import FUNCTIONS, Function, list_function
from harness.localazure.templates.lexer import ExpressionError
from harness.localazure.templates.parser import Call, Item, Literal, Member, Node, is_expression, parse, unescape
from harness.localazure.templates.values import UNKNOWN, FunctionError, find, has, kind


@dataclass(frozen=True)
class Closure:
    """A ``lambda()``: what map, filter and their like call."""

    names: tuple[str, ...]
    body: Node
    context: Context

    def __call__(self, *values: Any) -> Any:
        if len(values) < len(self.names):
            raise FunctionError(f"the lambda takes {len(self.names)} variables but gets {len(values)}")
        return interpret(self.body, self.context.binding(self.names, values[: len(self.names)]))


def evaluate_text(text: str, context: Context) -> Any:
    """The value of a template's string, expression or not; raises :class:`ExpressionError`."""
    return interpret(parse(text), context) if is_expression(text) else unescape(text)


def interpret(node: Node, context: Context) -> Any:
    """The value of a tree; raises :class:`ExpressionError`."""
    match node:
        case Literal():
            return node.value
        case Member():
            return _access(interpret(node.target, context), node.name, node)
        case Item():
            return _access(interpret(node.target, context), interpret(node.index, context), node)
        case Call():
            return _call(node, context)


def _access(target: Any, key: Any, node: Member | Item) -> Any:
    """A member of an object or an item of an array."""
    if target is UNKNOWN or key is UNKNOWN:
        return UNKNOWN
    if node.safe and target is None:
        return None
    if isinstance(target, Mapping) and isinstance(key, str):
        if has(target, key):
            return find(target, key)
        problem = f"the object has no property '{key}'; it has: {', '.join(target) or 'none'}"
    elif isinstance(target, list) and isinstance(key, int) and not isinstance(key, bool):
        if 0 <= key < len(target):
            return target[key]
        problem = f"the index {key} is outside the array of {len(target)} items"
    else:
        problem = f"{kind(target)} has no element {key!r}"
    if node.safe:
        return None
    raise ExpressionError(problem, node.position)


def _call(node: Call, context: Context) -> Any:
    name = node.name.lower()
    try:
        if (special := _SPECIAL.get(name)) is not None:
            return special(node.arguments, context)
        if (user := context.functions.get(name)) is not None:
            return _call_user(user, [interpret(argument, context) for argument in node.arguments], context)
        function = _function(node)
        arguments = [interpret(argument, context) for argument in node.arguments]
        if any(argument is UNKNOWN for argument in arguments):
            return UNKNOWN
        return function(arguments, context)
    except FunctionError as error:
        raise ExpressionError(f"{node.name}(): {error}", node.position) from error


def _function(node: Call) -> Function:
    name = node.name.lower()
    if (function := FUNCTIONS.get(name)) is not None:
        return function
    if name.startswith("list"):
        return list_function(node.name)
    spelled = {each: function.name for each, function in FUNCTIONS.items()}
    close = difflib.get_close_matches(name, spelled, n=1)
    hint = f"; did you mean '{spelled[close[0]]}'?" if close else ""
    raise ExpressionError(f"there is no function '{node.name}'{hint}", node.position)


def _call_user(function: UserFunction, arguments: list[Any], context: Context) -> Any:
    """User functions see their own parameters and nothing else of the template."""
    if len(arguments) != len(function.parameters):
        raise FunctionError(f"takes {len(function.parameters)} arguments, not {len(arguments)}")
    if UNKNOWN in arguments:
        return UNKNOWN
    values = dict(zip((name.lower() for name in function.parameters), arguments, strict=True))

    def parameter(name: str) -> Any:
        if name.lower() not in values:
            raise FunctionError(f"the function has no parameter '{name}'")
        return values[name.lower()]

    own = dataclasses.replace(context, parameters=parameter, loops={}, loop=None, bound={})
    return _fill(function.output, own)


def _fill(value: Any, context: Context) -> Any:
    """A user function's output, with the expressions at any depth of it evaluated."""
    if isinstance(value, str):
        return evaluate_text(value, context)
    if isinstance(value, list):
        return [_fill(item, context) for item in value]
    if isinstance(value, Mapping):
        return {key: _fill(item, context) for key, item in value.items()}
    return value


def _if(nodes: Sequence[Node], context: Context) -> Any:
    """Only the branch taken is evaluated; both when it is not known yet, for the sake of their dependencies."""
    if len(nodes) != 3:
        raise FunctionError(f"takes 3 arguments, not {len(nodes)}")
    condition = interpret(nodes[0], context)
    if condition is UNKNOWN:
        for branch in nodes[1:]:
            _note(branch, context)
        return UNKNOWN
    return interpret(nodes[1] if _truth(condition) else nodes[2], context)


def _and(nodes: Sequence[Node], context: Context) -> Any:
    return _decide(nodes, context, decisive=False)


def _or(nodes: Sequence[Node], context: Context) -> Any:
    return _decide(nodes, context, decisive=True)


def _decide(nodes: Sequence[Node], context: Context, *, decisive: bool) -> Any:
    """The first argument of the decisive value ends it; the rest is not evaluated."""
    if len(nodes) < 2:
        raise FunctionError(f"takes at least 2 arguments, not {len(nodes)}")
    unknown = False
    for node in nodes:
        value = interpret(node, context)
        if value is UNKNOWN:
            unknown = True
        elif _truth(value) is decisive:
            return decisive
    return UNKNOWN if unknown else not decisive


def _coalesce(nodes: Sequence[Node], context: Context) -> Any:
    """The first value that is not null."""
    for at, node in enumerate(nodes):
        value = interpret(node, context)
        if value is UNKNOWN:
            for rest in nodes[at + 1 :]:
                _note(rest, context)
        if value is not None:
            return value
    return None


def _lambda(nodes: Sequence[Node], context: Context) -> Any:
    """``lambda('variable', ..., body)``; the body reads ``lambdaVariables('variable')``."""
    if len(nodes) < 2:
        raise FunctionError("takes the names of its variables and a body")
    names = [interpret(node, context) for node in nodes[:-1]]
    if not all(isinstance(name, str) for name in names):
        raise FunctionError("the names of its variables are strings")
    return Closure(tuple(names), nodes[-1], context)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise FunctionError(f"expects a bool, not {kind(value)}")
    return value


def _note(node: Node, context: Context) -> None:
    """Evaluate for its dependencies only; what is wrong with a branch that may not be taken does not matter yet."""
    with contextlib.suppress(ExpressionError):
        interpret(node, context)


_SPECIAL: dict[str, Callable[[Sequence[Node], Context], Any]] = {
    "if": _if,
    "and": _and,
    "or": _or,
    "coalesce": _coalesce,
    "lambda": _lambda,
}
