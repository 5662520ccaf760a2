"""ARM's error codes by name: with which status they come, and whether at once or after the request was accepted.

Sources: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors and
https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/allocation-failure; the messages are our own.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.faults.api import Effect, Fault, Kind, Making

_CODE = re.compile(r"[A-Z][A-Za-z0-9]+(\.[A-Za-z0-9]+)*")
_UNKNOWN = 409


@dataclass(frozen=True)
class Code:
    """One error code."""

    name: str
    status: int = _UNKNOWN
    accepted: bool = False
    """The request is accepted and fails later; else it is refused."""
    call: str = ""
    """The call that gets it when nothing else is asked for; empty for any."""
    message: str = "Injected by a fault."


def _read() -> dict[str, Code]:
    with Path(__file__).with_name("codes.tsv").open() as file:
        return {
            row["code"]: Code(row["code"], int(row["status"]), row["when"] == "failed", row["call"], row["message"])
            for row in csv.DictReader(file, delimiter="\t")
        }


CODES = _read()
"""By name."""


def find_code(name: str) -> Code | None:
    """The code with this name, or one that is only known to look like a code; None for what does not."""
    return CODES.get(name) or (Code(name) if _CODE.fullmatch(name) else None)


def as_kind(code: Code) -> Kind:
    """The kind of fault that answers with this code."""

    def effect(fault: Fault) -> Effect:
        error = arm_error(fault, code.name)
        return Effect(making=Making(instead=error)) if code.accepted else Effect(refuse=error)

    return Kind(code.name, code.message, effect, writes=code.accepted)


def arm_error(fault: Fault, name: str) -> ArmError:
    """The error of a fault; what the fault says itself goes before what is usual for the code."""
    name = fault.code or name
    code = CODES.get(name) or Code(name)
    status = fault.status or code.status
    headers = {"Retry-After": str(max(1, round(fault.seconds)))} if status in (429, 503) else {}
    return ArmError(status, name, fault.message or code.message, headers=headers)
