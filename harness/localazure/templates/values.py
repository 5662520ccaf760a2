"""JSON values as templates see them: their kinds, their text, and access that does not mind case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final


class Unknown:
    """The result of whatever needs a resource that does not exist yet; every function of it is unknown as well."""

    def __repr__(self) -> str:
        return "unknown until deployed"


UNKNOWN: Final = Unknown()


class FunctionError(Exception):
    """A function cannot work with its arguments; the message says why, the caller adds which call."""


def kind(value: object) -> str:
    """What messages call a value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "a bool"
        case int():
            return "an int"
        case float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case Mapping():
            return "an object"
        case Unknown():
            return repr(value)
        case _:
            return "a lambda"


def text(value: Any) -> str:
    """A value as ``string()`` and ``concat()`` write it: JSON for arrays and objects, .NET's spelling for bools."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    if value is None:
        return ""
    if callable(value):
        raise FunctionError("a lambda has no text")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


_MISSING: Final = object()


def find(target: Any, name: str, default: Any = None) -> Any:
    """The member of this name, spelled exactly or in another case; ``default`` when there is none, or ``target`` is no object."""
    if not isinstance(target, Mapping):
        return default
    value = target.get(name, _MISSING)
    if value is not _MISSING:
        return value
    wanted = name.lower()
    return next((value for key, value in target.items() if key.lower() == wanted), default)


def has(target: Any, name: str) -> bool:
    """Whether there is a member of this name in any case."""
    return find(target, name, _MISSING) is not _MISSING


def equal(one: Any, other: Any) -> bool:
    """Equality as JSON has it: ``true`` is not ``1``."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    return bool(one == other)
