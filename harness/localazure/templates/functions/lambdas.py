"""Functions that take a lambda. Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-lambda"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from harness.localazure.templates.context import Context
from harness.localazure.templates.functions.signature import table
from harness.localazure.templates.values import UNKNOWN, FunctionError, kind, text

Lambda = Callable[..., Any]


def _map(values: list[Any], body: Lambda) -> Any:
    return _known([body(value, index) for index, value in enumerate(values)])


def _filter(values: list[Any], body: Lambda) -> Any:
    verdicts = [body(value, index) for index, value in enumerate(values)]
    if _known(verdicts) is UNKNOWN:
        return UNKNOWN
    return [value for value, verdict in zip(values, verdicts, strict=True) if _bool(verdict)]


def _reduce(values: list[Any], start: Any, body: Lambda) -> Any:
    for index, value in enumerate(values):
        start = body(start, value, index)
        if start is UNKNOWN:
            return UNKNOWN
    return start


def _sort(values: list[Any], before: Lambda) -> Any:
    def order(one: Any, other: Any) -> int:
        return -1 if _bool(before(one, other)) else (1 if _bool(before(other, one)) else 0)

    return sorted(values, key=functools.cmp_to_key(order))


def _to_object(values: list[Any], key: Lambda, value: Lambda | None = None) -> Any:
    keys = [key(item) for item in values]
    results = [value(item) if value else item for item in values]
    if _known(keys) is UNKNOWN or _known(results) is UNKNOWN:
        return UNKNOWN
    return dict(zip(map(text, keys), results, strict=True))


def _map_values(target: dict[str, Any], body: Lambda) -> Any:
    results = [body(value) for value in target.values()]
    return UNKNOWN if _known(results) is UNKNOWN else dict(zip(target, results, strict=True))


def _lambda_variables(context: Context, name: str) -> Any:
    if name.lower() not in context.bound:
        raise FunctionError(f"no lambda around this has a variable '{name}'")
    return context.bound[name.lower()]


def _known(values: list[Any]) -> Any:
    return UNKNOWN if any(value is UNKNOWN for value in values) else values


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise FunctionError(f"the lambda must give a bool, not {kind(value)}")
    return value


LAMBDAS = table(
    filter=_filter,
    lambdaVariables=_lambda_variables,
    map=_map,
    mapValues=_map_values,
    reduce=_reduce,
    sort=_sort,
    toObject=_to_object,
)
