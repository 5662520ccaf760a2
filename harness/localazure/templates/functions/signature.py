"""Turns a plain typed Python function into a template function that checks its arguments.

The annotations are the one description of what a function takes: how many arguments, of which kinds. A first parameter of type
:class:`Context` is filled in; everything else comes from the expression.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from harness.localazure.templates.context import Context
from harness.localazure.templates.values import FunctionError, kind

_WORDS: Mapping[object, str] = {
    str: "a string",
    int: "an int",
    float: "a number",
    bool: "a bool",
    list: "an array",
    dict: "an object",
    Callable: "a lambda",
    types.NoneType: "null",
}


@dataclass(frozen=True)
class Function:
    """A function of the language."""

    name: str
    """As documented: ``padLeft``."""
    minimum: int
    maximum: int | None
    """``None`` for any number of arguments."""
    kinds: tuple[tuple[object, ...], ...]
    """Accepted types of each argument, the last one also for all that follow; empty accepts everything."""
    body: Callable[..., Any]
    needs_context: bool

    def __call__(self, arguments: list[Any], context: Context) -> Any:
        """Check and call; raises :class:`FunctionError`."""
        if len(arguments) < self.minimum or (self.maximum is not None and len(arguments) > self.maximum):
            raise FunctionError(f"takes {self._count()}, not {len(arguments)}")
        for position, argument in enumerate(arguments, 1):
            allowed = self.kinds[min(position, len(self.kinds)) - 1]
            if allowed and not any(_is(argument, each) for each in allowed):
                wanted = " or ".join(_WORDS[each] for each in allowed)
                raise FunctionError(f"argument {position} must be {wanted}, not {kind(argument)}")
        return self.body(context, *arguments) if self.needs_context else self.body(*arguments)

    def _count(self) -> str:
        if self.maximum is None:
            return f"at least {self.minimum} argument{'s' * (self.minimum != 1)}"
        if self.minimum == self.maximum:
            return f"{self.minimum} argument{'s' * (self.minimum != 1)}" if self.minimum else "no arguments"
        return f"{self.minimum} to {self.maximum} arguments"


def function(name: str, body: Callable[..., Any]) -> Function:
    """Describe ``body`` as the template function ``name``."""
    hints = get_type_hints(body)
    parameters = list(inspect.signature(body).parameters.values())
    needs_context = bool(parameters) and hints.get(parameters[0].name) is Context
    parameters = parameters[1:] if needs_context else parameters
    return Function(
        name=name,
        minimum=sum(each.default is each.empty and each.kind is not each.VAR_POSITIONAL for each in parameters),
        maximum=None if any(each.kind is each.VAR_POSITIONAL for each in parameters) else len(parameters),
        kinds=tuple(_accepted(hints[each.name]) for each in parameters),
        body=body,
        needs_context=needs_context,
    )


def table(**bodies: Callable[..., Any]) -> dict[str, Function]:
    """Functions by their documented names; a trailing underscore keeps Python's own words free."""
    return {name.rstrip("_").lower(): function(name.rstrip("_"), body) for name, body in bodies.items()}


def _accepted(hint: object) -> tuple[object, ...]:
    if hint is Any:
        return ()
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(get_origin(each) or each for each in get_args(hint))
    origin = get_origin(hint) or hint
    return (Callable if origin is get_origin(Callable[..., Any]) else origin,)


def _is(value: object, wanted: object) -> bool:
    """Like isinstance, except that a bool is not an int, a Mapping is an object, and an int is a number."""
    if wanted is Callable:
        return callable(value)
    if wanted is dict:
        return isinstance(value, Mapping)
    if isinstance(value, bool):
        return wanted is bool
    if wanted is float:
        return isinstance(value, int | float)
    return isinstance(wanted, type) and isinstance(value, wanted)
