"""Faults on request: what the public cloud does on bad days, for a number of requests that match.

``POST /localazure/faults`` takes ``{"kind": "throttled", "method": "PUT", "path": "regex", "count": 2}``; kinds:

==============  ======================================================================================
``throttled``   429 ``TooManyRequests`` with ``Retry-After`` (``seconds``, default 1)
``conflict``    409 ``AnotherOperationInProgress``
``error``       500 ``InternalServerError``
``delay``       answered after ``seconds``
``operation``   a write is answered 201 or 202 with an operation to poll, which takes ``seconds``
==============  ======================================================================================
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.localazure.arm.errors import ArmError, invalid

KINDS = ("throttled", "conflict", "error", "delay", "operation")


@dataclass(frozen=True)
class Fault:
    """One fault and for how many more requests it holds."""

    kind: str
    method: str = ""
    """Method, empty for any."""
    path: str = ""
    """Regular expression searched in the path without case, empty for any."""
    count: int = 1
    """Requests left; -1 for ever."""
    seconds: float = 1.0

    def matches(self, method: str, path: str) -> bool:
        return (not self.method or self.method.upper() == method) and bool(re.search(self.path, path, re.IGNORECASE))

    def error(self) -> ArmError | None:
        """The answer it forces, if it is an error."""
        match self.kind:
            case "throttled":
                wait = str(max(1, round(self.seconds)))
                return ArmError(
                    429, "TooManyRequests", "The request is being throttled.", headers={"Retry-After": wait}
                )
            case "conflict":
                return ArmError(409, "AnotherOperationInProgress", "Another operation on this resource is in progress.")
            case "error":
                return ArmError(500, "InternalServerError", "The server encountered an internal error.")
        return None


class Faults:
    """The faults that are set, in order; the first that matches a request is used up by it."""

    def __init__(self) -> None:
        self._all: list[Fault] = []

    def add(self, raw: Any) -> Fault:
        """Set a fault from JSON; raises ``ArmError`` (400) that names what is wrong."""
        known = {"kind", "method", "path", "count", "seconds"}
        if not isinstance(raw, dict) or (unknown := set(raw) - known) or raw.get("kind") not in KINDS:
            said = f"unknown {sorted(unknown)}; " if isinstance(raw, dict) and unknown else ""
            raise invalid(
                f"A fault is an object of {sorted(known)} ({said}kind is one of {', '.join(KINDS)}).", "InvalidFault"
            )
        try:
            re.compile(raw.get("path", ""))
            fault = Fault(**{**raw, "count": int(raw.get("count", 1)), "seconds": float(raw.get("seconds", 1.0))})
        except (re.error, TypeError, ValueError) as error:
            raise invalid(f"The fault {raw} is malformed: {error}.", "InvalidFault") from error
        self._all.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if any; counts it down."""
        for position, fault in enumerate(self._all):
            if fault.count and fault.matches(method, path):
                if fault.count > 0:
                    self._all[position] = replace(fault, count=fault.count - 1)
                return fault
        return None

    def pending(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._all if fault.count]

    def clear(self) -> None:
        self._all.clear()
