"""A fault as JSON: read with one clear line for what is wrong, and written so that it can be read again."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from typing import Any

from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.faults.api import Fault, Gone
from harness.localazure.arm.faults.codes import CODES, find_code
from harness.localazure.arm.faults.kinds import KINDS, find_kind
from harness.localazure.arm.locations import LOCATIONS

_FIELDS = tuple(item.name for item in fields(Fault) if item.name != "kinds")
_NUMBERS = {"count": int, "skip": int, "seconds": float, "status": int, "rate": float}
_LIMITS = {"count": (-1, 1e9), "skip": (0, 1e9), "seconds": (0, 86400), "status": (0, 599), "rate": (0, 1)}


def read_fault(raw: Any) -> Fault:
    """A fault from JSON; raises ``ArmError`` (400) that names what is wrong and what is allowed."""
    if not isinstance(raw, dict):
        raise _wrong(f"a fault is an object with kind and, if wanted, {', '.join(_FIELDS)}")
    if unknown := sorted(set(raw) - {"kind", *_FIELDS}):
        raise _wrong(f"unknown {', '.join(unknown)}: there are kind, {', '.join(_FIELDS)}")
    kinds = _kinds(raw.get("kind"))
    values = {name: _number(name, raw[name], as_type) for name, as_type in _NUMBERS.items() if name in raw}
    values |= {
        name: str(raw[name]) for name in ("call", "method", "path", "location", "code", "message") if raw.get(name)
    }
    values["seed"] = _seed(raw.get("seed"), kinds)
    if raw.get("target"):
        values["target"] = _target(raw["target"])
    fault = Fault(kinds, **{"call": _usual_call(raw, kinds), **values})
    _check(fault)
    return fault


def write_fault(fault: Fault) -> dict[str, Any]:
    """The JSON that :func:`read_fault` reads, without what is as usual."""
    usual = Fault(())
    shown = {name: value for name, value in asdict(fault).items() if value != getattr(usual, name)}
    kinds = shown.pop("kinds")
    return {"kind": kinds[0] if len(kinds) == 1 else list(kinds), "count": fault.count, **shown}


def _kinds(raw: Any) -> tuple[str, ...]:
    names = tuple(str(name) for name in (raw if isinstance(raw, list) else [raw]) if name)
    unknown = [name for name in names if not find_kind(name)]
    if unknown or not names:
        said = f"unknown kind {unknown[0]!r}" if unknown else "kind is missing"
        raise _wrong(
            f"{said}: there are {', '.join(KINDS)}, and every ARM error code ({', '.join(list(CODES)[:4])}, ...)"
        )
    return names


def _number(name: str, raw: Any, as_type: Any) -> Any:
    low, high = _LIMITS[name]
    try:
        value = as_type(raw)
    except (TypeError, ValueError) as error:
        raise _wrong(f"{name} is a number, not {raw!r}") from error
    if not low <= value <= high:
        raise _wrong(f"{name} is from {low:g} to {high:g}, not {value:g}")
    return value


def _seed(raw: Any, kinds: tuple[str, ...]) -> int | None:
    if raw is None:
        if len(kinds) > 1:
            raise _wrong(f"{len(kinds)} kinds need a seed, which chooses among them")
        return None
    try:
        return int(raw)
    except (TypeError, ValueError) as error:
        raise _wrong(f"seed is a whole number, not {raw!r}") from error


def _target(raw: Any) -> Gone:
    if raw not in (Gone.RESOURCE, Gone.GROUP):
        raise _wrong(f"target is resource or group, not {raw!r}")
    return Gone(raw)


def _usual_call(raw: dict[str, Any], kinds: tuple[str, ...]) -> str:
    """A kind that has a meaning for one call only meets that; so does a code, unless the fault says which requests it means."""
    if len(kinds) == 1 and kinds[0] in KINDS:
        return KINDS[kinds[0]].call
    if len(kinds) > 1 or any(raw.get(name) for name in ("call", "method", "path")):
        return ""
    code = find_code(kinds[0])
    return code.call if code else ""


def _check(fault: Fault) -> None:
    try:
        re.compile(fault.path)
    except re.error as error:
        raise _wrong(f"path {fault.path!r} is not a regular expression: {error}") from error
    for kind in (KINDS[name] for name in fault.kinds if name in KINDS):
        if kind.call and fault.call.lower() not in ("", kind.call.lower()):
            raise _wrong(f"kind {kind.name} meets {kind.call}, not {fault.call}")
    if fault.location and fault.location not in LOCATIONS:
        raise _wrong(f"unknown location {fault.location!r}: there are {', '.join(LOCATIONS)}")
    if fault.status and fault.status < 400:
        raise _wrong(f"status is an error's, from 400 to 599, not {fault.status}")


def _wrong(message: str) -> ArmError:
    return invalid(f"{message[0].upper()}{message[1:]}.", "InvalidFault")
