"""Parameters, variables and outputs: the typed values at the edges of a template.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/parameters
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from harness.localazure.templates.api import TemplateError
from harness.localazure.templates.body import array, evaluate_loop, evaluate_value, loop_name
from harness.localazure.templates.context import Context, Forbidden
from harness.localazure.templates.values import FunctionError, equal, find, has, kind, text

_TYPES: Final[Mapping[str, tuple[str, type]]] = {
    "string": ("String", str),
    "securestring": ("SecureString", str),
    "int": ("Int", int),
    "bool": ("Bool", bool),
    "object": ("Object", Mapping),
    "secureobject": ("SecureObject", Mapping),
    "array": ("Array", list),
}


def check_type(declared: Any, value: Any, what: str, path: str) -> str:
    """The type as ARM spells it; raises :class:`TemplateError` when it is none, or not that of ``value``."""
    if not isinstance(declared, str) or declared.lower() not in _TYPES:
        allowed = ", ".join(name for name, _ in _TYPES.values())
        raise TemplateError(f"{what} has the type {declared!r}; allowed are {allowed}", path=path)
    spelled, accepted = _TYPES[declared.lower()]
    if not isinstance(value, accepted) or (accepted is int and isinstance(value, bool)):
        raise TemplateError(f"{what} is declared as {spelled} but its value is {kind(value)}", path=path)
    return spelled


def typed(spelled: str, value: Any) -> dict[str, Any]:
    """A value as the API shows it: secure ones without ``value``."""
    return {"type": spelled} if spelled.startswith("Secure") else {"type": spelled, "value": value}


class Parameters:
    """The parameters of one deployment; defaults are evaluated when first asked for, since they may use each other."""

    def __init__(self, declared: Mapping[str, Any], given: Mapping[str, Any], base: Context) -> None:
        self._declared = declared
        self._given = given
        self._context = dataclasses.replace(
            base, parameters=self.value, runtime=Forbidden("the default value of a parameter")
        )
        self._values: dict[str, Any] = {}
        self._open: list[str] = []
        self._reject_strangers()

    def shown(self) -> dict[str, dict[str, Any]]:
        """Every parameter, checked, as a deployment's GET shows it."""
        return {
            name: typed(self._spelled(name, declaration), self.value(name))
            for name, declaration in self._declared.items()
        }

    def value(self, name: str) -> Any:
        """The value of a parameter; raises :class:`FunctionError` if there is none of that name."""
        spelled = next((each for each in self._declared if each.lower() == name.lower()), None)
        if spelled is None:
            raise FunctionError(
                f"the template has no parameter '{name}'; it has: {', '.join(self._declared) or 'none'}"
            )
        if spelled not in self._values:
            if spelled in self._open:
                raise FunctionError(
                    f"defaults of parameters use each other in a circle: {' -> '.join([*self._open, spelled])}"
                )
            self._open.append(spelled)
            try:
                self._values[spelled] = self._checked(spelled, self._declared[spelled])
            finally:
                self._open.pop()
        return self._values[spelled]

    def _checked(self, name: str, declaration: Any) -> Any:
        path = f"$.parameters.{name}"
        if not isinstance(declaration, Mapping):
            raise TemplateError("a parameter is declared by an object with 'type'", path=path)
        value = self._raw(name, declaration, path)
        if value is None and find(declaration, "nullable") is True:
            return None
        check_type(find(declaration, "type"), value, f"parameter '{name}'", path)
        _check_limits(name, declaration, value, path)
        return value

    def _raw(self, name: str, declaration: Mapping[str, Any], path: str) -> Any:
        given = find(self._given, name)
        if isinstance(given, Mapping) and has(given, "value"):
            return find(given, "value")
        if isinstance(given, Mapping) and has(given, "reference"):
            raise TemplateError(
                f"parameter '{name}' refers to a Key Vault secret, which this cloud does not have", path=path
            )
        if given is not None:
            raise TemplateError(f"the value given for parameter '{name}' must be an object with 'value'", path=path)
        if has(declaration, "defaultValue"):
            return evaluate_value(find(declaration, "defaultValue"), self._context, f"{path}.defaultValue")
        if find(declaration, "nullable") is True:
            return None
        raise TemplateError(f"no value was given for parameter '{name}', which has no default", path=path)

    def _spelled(self, name: str, declaration: Mapping[str, Any]) -> str:
        self.value(name)
        return _TYPES[str(find(declaration, "type")).lower()][0]

    def _reject_strangers(self) -> None:
        strangers = sorted(name for name in self._given if not has(self._declared, name))
        if strangers:
            raise TemplateError(
                f"values were given for parameters that the template does not declare: {', '.join(strangers)}; "
                f"it declares: {', '.join(self._declared) or 'none'}",
                path="$.parameters",
            )


def _check_limits(name: str, declaration: Mapping[str, Any], value: Any, path: str) -> None:
    secure = str(find(declaration, "type")).lower().startswith("secure")
    allowed = array(find(declaration, "allowedValues"), "'allowedValues'", path)
    if allowed and not any(equal(value, each) for each in allowed):
        several = isinstance(value, list) and all(any(equal(item, each) for each in allowed) for item in value)
        if not several:
            shown = "its value" if secure else f"'{text(value)}'"
            raise TemplateError(f"parameter '{name}': {shown} is none of: {', '.join(map(text, allowed))}", path=path)
    size = value if isinstance(value, int) else len(value)
    word = "value" if isinstance(value, int) else "length"
    low, high = (find(declaration, f"{bound}{word.title()}") for bound in ("min", "max"))
    for bound in (low, high):
        if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool)):
            raise TemplateError(f"the limits of parameter '{name}' are ints, not {kind(bound)}", path=path)
    if low is not None and size < low:
        raise TemplateError(f"parameter '{name}': its {word} is below the minimum {low}", path=path)
    if high is not None and size > high:
        raise TemplateError(f"parameter '{name}': its {word} is above the maximum {high}", path=path)


class Variables:
    """The variables of a template, evaluated when first asked for."""

    def __init__(self, declared: Mapping[str, Any], base: Context) -> None:
        self._declared = declared
        self._context = dataclasses.replace(base, variables=self.value, runtime=Forbidden("variables"))
        self._loops = {
            loop_name(loop, f"$.variables.copy[{at}]").lower(): (loop, f"$.variables.copy[{at}]")
            for at, loop in enumerate(find(declared, "copy") if isinstance(find(declared, "copy"), list) else [])
        }
        self._values: dict[str, Any] = {}
        self._open: list[str] = []

    def check(self) -> None:
        """Evaluate all of them: a mistake in an unused one is a mistake as well."""
        for name in [*self._loops, *(each for each in self._declared if not (each.lower() == "copy" and self._loops))]:
            self.value(name)

    def value(self, name: str) -> Any:
        """The value of a variable; raises :class:`FunctionError` if there is none of that name."""
        key = name.lower()
        if key in self._open:
            raise FunctionError(f"variables use each other in a circle: {' -> '.join([*self._open, key])}")
        if key not in self._values:
            self._open.append(key)
            try:
                self._values[key] = self._evaluated(name)
            finally:
                self._open.pop()
        return self._values[key]

    def _evaluated(self, name: str) -> Any:
        if name.lower() in self._loops:
            loop, path = self._loops[name.lower()]
            return evaluate_loop(loop, self._context, path)
        spelled = next((each for each in self._declared if each.lower() == name.lower()), None)
        if spelled is None:
            known = ", ".join([*self._loops, *self._declared]) or "none"
            raise FunctionError(f"the template has no variable '{name}'; it has: {known}")
        return evaluate_value(self._declared[spelled], self._context, f"$.variables.{spelled}")
