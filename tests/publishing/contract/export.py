"""Stapler's export: what of a bean is shown for ``depth`` and ``tree``, as JSON or as a Python literal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Bean = dict[str, Any]
"""A property is a plain value, a bean (shown with its owner), a :class:`Ref`, a list of these, or a :class:`Hidden` one of them."""
_TOKEN = re.compile(r"[\w*$]+|[\[\],]|\{\d*,?\d*\}")


class Map(dict[str, Any]):
    """A ``java.util.Map``: always whole, as ``Property.writeValue`` does it."""


@dataclass(frozen=True)
class Ref:
    """A bean of its own, of which only some properties are shown where nobody asks for more."""

    bean: Callable[[], Bean]
    brief: tuple[str, ...] = ("number", "url")


@dataclass(frozen=True)
class Hidden:
    """Shown only to those who name it in ``tree``."""

    value: Any


@dataclass(frozen=True)
class Branch:
    """What is asked for of one property."""

    below: Mapping[str, Branch]
    first: int | None = None
    last: int | None = None


def render(bean: Bean, tree: str = "", depth: int = 0) -> Any:
    """Plain data."""
    return _named(bean, _parse(tree)) if tree else _whole(bean, depth)


def as_json(value: Any) -> str:
    return json.dumps(value)


def as_python(value: Any) -> str:
    """What ``api/python`` sends: a literal with double quotes, and True, False and None."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{as_python(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_python, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _whole(value: Any, depth: int) -> Any:
    if isinstance(value, Ref):
        if depth > 0:
            return _whole(value.bean(), depth - 1)
        bean = value.bean()
        return {key: bean[key] for key in ("_class", *value.brief) if key in bean}
    if isinstance(value, dict):
        return {key: _whole(item, depth) for key, item in value.items() if not isinstance(item, Hidden)}
    return [_whole(item, depth) for item in value] if isinstance(value, list) else value


def _named(value: Any, wanted: Mapping[str, Branch]) -> Any:
    if isinstance(value, Hidden):
        return _named(value.value, wanted)
    if isinstance(value, Ref):
        return _named(value.bean(), wanted)
    if isinstance(value, list):
        return [_named(item, wanted) for item in value]
    if isinstance(value, Map) or not isinstance(value, dict):
        return value
    found = {"_class": value["_class"]} if "_class" in value else {}
    for key, item in value.items():
        branch = wanted.get(key) or wanted.get("*")
        if branch is None or key == "_class":
            continue
        item = item.value if isinstance(item, Hidden) else item
        item = item[branch.first : branch.last] if isinstance(item, list) else item
        found[key] = _named(item, branch.below)
    return found


def _parse(tree: str) -> dict[str, Branch]:
    tokens = _TOKEN.findall(tree)
    if "".join(tokens) != tree.replace(" ", ""):
        raise ValueError(f"not a tree: {tree}")
    found, rest = _branches(tokens)
    if rest:
        raise ValueError(f"not a tree: {tree}")
    return found


def _branches(tokens: Sequence[str]) -> tuple[dict[str, Branch], Sequence[str]]:
    found: dict[str, Branch] = {}
    while tokens and tokens[0] != "]":
        name, tokens = tokens[0], tokens[1:]
        below: dict[str, Branch] = {}
        first = last = None
        if tokens and tokens[0] == "[":
            below, tokens = _branches(tokens[1:])
            tokens = tokens[1:]
        if tokens and tokens[0].startswith("{"):
            first, last = _range(tokens[0])
            tokens = tokens[1:]
        found[name] = Branch(below, first, last)
        if tokens and tokens[0] == ",":
            tokens = tokens[1:]
    return found, tokens


def _range(text: str) -> tuple[int | None, int | None]:
    """``{0,50}``, ``{,50}``, ``{50,}``; ``{7}`` is the one item at 7."""
    first, comma, last = text.strip("{}").partition(",")
    if not comma:
        return int(first), int(first) + 1
    return int(first) if first else None, int(last) if last else None
