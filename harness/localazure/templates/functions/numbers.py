"""Arithmetic, comparison and logic.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-numeric, -comparison and -logical
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.localazure.templates.functions.signature import table
from harness.localazure.templates.values import FunctionError, equal


def _add(one: int, other: int) -> int:
    return one + other


def _sub(one: int, other: int) -> int:
    return one - other


def _mul(one: int, other: int) -> int:
    return one * other


def _div(one: int, other: int) -> int:
    """Rounds towards zero, as .NET does."""
    if other == 0:
        raise FunctionError("division by zero")
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


def _mod(one: int, other: int) -> int:
    """Takes the sign of the dividend, as .NET does."""
    return one - other * _div(one, other)


def _int(value: str | int | float) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise FunctionError(f"'{value}' is not an integer") from error


def _float(value: str | int | float) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise FunctionError(f"'{value}' is not a number") from error


def _bool(value: str | int | bool) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise FunctionError(f"'{value}' is neither true nor false")
        return value.lower() == "true"
    return bool(value)


def _equals(one: Any, other: Any) -> bool:
    return equal(one, other)


def _compare(accepts: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    def compare(one: int | str, other: int | str) -> bool:
        if isinstance(one, str) != isinstance(other, str):
            raise FunctionError("compares two ints or two strings")
        return accepts(one, other)

    return compare


def _not(value: bool) -> bool:
    return not value


def _xor(one: bool, other: bool) -> bool:
    return one is not other


def _true() -> bool:
    return True


def _false() -> bool:
    return False


def _null() -> None:
    return None


NUMBERS = table(
    add=_add,
    bool=_bool,
    div=_div,
    equals=_equals,
    false=_false,
    float=_float,
    greater=_compare(lambda one, other: one > other),
    greaterOrEquals=_compare(lambda one, other: one >= other),
    int=_int,
    less=_compare(lambda one, other: one < other),
    lessOrEquals=_compare(lambda one, other: one <= other),
    mod=_mod,
    mul=_mul,
    not_=_not,
    null=_null,
    sub=_sub,
    true=_true,
    xor=_xor,
)
