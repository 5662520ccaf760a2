"""Array and object functions.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-array and -object
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.localazure.templates.functions.signature import table
from harness.localazure.templates.values import FunctionError, equal, find, has, kind, text

_LONGEST_RANGE = 10_000


def _array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _concat(*values: Any) -> str | list[Any]:
    if not values:
        raise FunctionError("takes at least 1 argument, not 0")
    if all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    for position, value in enumerate(values, 1):
        if isinstance(value, list | Mapping):
            raise FunctionError(f"argument {position} is {kind(value)}; give texts only, or arrays only")
    return "".join(map(text, values))


def _contains(container: str | list[Any] | dict[str, Any], wanted: Any) -> bool:
    if isinstance(container, list):
        return any(equal(item, wanted) for item in container)
    if isinstance(container, str):
        return text(wanted) in container
    return has(container, text(wanted))


def _create_array(*values: Any) -> list[Any]:
    return list(values)


def _create_object(*pairs: Any) -> dict[str, Any]:
    if len(pairs) % 2:
        raise FunctionError(f"takes keys and values in pairs, not {len(pairs)} arguments")
    for position, key in enumerate(pairs[::2]):
        if not isinstance(key, str):
            raise FunctionError(f"argument {2 * position + 1} is a key and must be a string, not {kind(key)}")
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def _empty(value: str | list[Any] | dict[str, Any] | None) -> bool:
    return not value


def _length(value: str | list[Any] | dict[str, Any]) -> int:
    return len(value)


def _first(value: str | list[Any]) -> Any:
    return value[0] if value else ("" if isinstance(value, str) else None)


def _last(value: str | list[Any]) -> Any:
    return value[-1] if value else ("" if isinstance(value, str) else None)


def _skip(value: str | list[Any], count: int) -> Any:
    return value[max(count, 0) :]


def _take(value: str | list[Any], count: int) -> Any:
    return value[: max(count, 0)]


def _index_of_item(value: list[Any], wanted: Any) -> int:
    return next((position for position, item in enumerate(value) if equal(item, wanted)), -1)


def _index_of(value: str | list[Any], wanted: Any) -> int:
    """Position of the first match, -1 for none; texts compare without case."""
    if isinstance(value, str):
        return value.lower().find(text(wanted).lower())
    return _index_of_item(value, wanted)


def _last_index_of(value: str | list[Any], wanted: Any) -> int:
    if isinstance(value, str):
        return value.lower().rfind(text(wanted).lower())
    return max((position for position, item in enumerate(value) if equal(item, wanted)), default=-1)


def _range(start: int, count: int) -> list[int]:
    if not 0 <= count <= _LONGEST_RANGE:
        raise FunctionError(f"the count must be from 0 to {_LONGEST_RANGE}, not {count}")
    return list(range(start, start + count))


def _min(*values: Any) -> int:
    return min(_integers(values))


def _max(*values: Any) -> int:
    return max(_integers(values))


def _integers(values: tuple[Any, ...]) -> list[int]:
    found = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not found or not all(isinstance(value, int) and not isinstance(value, bool) for value in found):
        raise FunctionError("takes ints, or one array of ints, at least one")
    return list(found)


def _union(
    first: list[Any] | dict[str, Any], second: list[Any] | dict[str, Any], *rest: list[Any] | dict[str, Any]
) -> Any:
    values = (first, second, *rest)
    _alike(values)
    if isinstance(first, list):
        kept: list[Any] = []
        for item in (item for value in values for item in value):
            if _index_of_item(kept, item) < 0:
                kept.append(item)
        return kept
    merged: dict[str, Any] = {}
    for value in values:
        merged = _merge(merged, value)
    return merged


def _merge(one: Mapping[str, Any], other: Any) -> dict[str, Any]:
    """Objects are merged at every level; of anything else the last one wins."""
    merged = dict(one)
    for key, value in other.items():
        spelled = next((known for known in merged if known.lower() == key.lower()), key)
        both = isinstance(merged.get(spelled), Mapping) and isinstance(value, Mapping)
        merged[spelled] = _merge(merged[spelled], value) if both else value
    return merged


def _intersection(
    first: list[Any] | dict[str, Any], second: list[Any] | dict[str, Any], *rest: list[Any] | dict[str, Any]
) -> Any:
    values = (first, second, *rest)
    _alike(values)
    if isinstance(first, list):
        return [
            item for item in _union(first, []) if all(_index_of_item(list(other), item) >= 0 for other in values[1:])
        ]
    return {
        key: value
        for key, value in first.items()
        if all(
            isinstance(other, Mapping) and has(other, key) and equal(find(other, key), value) for other in values[1:]
        )
    }


def _alike(values: tuple[Any, ...]) -> None:
    if len({isinstance(value, list) for value in values}) != 1:
        raise FunctionError("takes arrays only, or objects only")


def _shallow_merge(values: list[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for value in values:
        if not isinstance(value, Mapping):
            raise FunctionError(f"takes an array of objects, but one item is {kind(value)}")
        merged.update(value)
    return merged


def _flatten(values: list[Any]) -> list[Any]:
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _items(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def _object_keys(value: dict[str, Any]) -> list[str]:
    return sorted(value)


def _try_get(value: Any, *keys: str | int) -> Any:
    """The nested element, or null as soon as one step is missing."""
    for key in keys:
        if isinstance(value, Mapping) and isinstance(key, str):
            value = find(value, key)
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            return None
    return value


COLLECTIONS = table(
    array=_array,
    concat=_concat,
    contains=_contains,
    createArray=_create_array,
    createObject=_create_object,
    empty=_empty,
    first=_first,
    flatten=_flatten,
    indexOf=_index_of,
    intersection=_intersection,
    items=_items,
    last=_last,
    lastIndexOf=_last_index_of,
    length=_length,
    max=_max,
    min=_min,
    objectKeys=_object_keys,
    range=_range,
    shallowMerge=_shallow_merge,
    skip=_skip,
    take=_take,
    tryGet=_try_get,
    union=_union,
)
