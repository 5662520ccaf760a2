"""Where a cell is: its location and resource group, and the next ones when the cloud's answer leaves hope.

A cell keeps its name wherever it goes, so that its history stays one. Every attempt has a resource group of its own name: what a failed
one left is never built upon, and a name that Azure still deletes is not asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import HarnessError, Outcome, Remedy
from harness.runs.api import Cell, Plan
from harness.runs.plan import group_name

_SAME_PLACE = 2
"""Attempts in one location."""
_RETRIED = frozenset({Outcome.QUOTA, Outcome.CLOUD})
"""Never the product, and nothing that says that the harness or its input is wrong."""


@dataclass(frozen=True)
class Placement:
    """One attempt to bring a cell up."""

    number: int
    """1 for the first."""
    location: str
    group: str

    @classmethod
    def first(cls, plan: Plan, cell: Cell, location: str = "") -> Placement:
        return cls(1, location or cell.location, group_name(plan, cell.name))


def next_placement(
    plan: Plan, cell: Cell, failover: Sequence[str], tried: Sequence[Placement], error: HarnessError
) -> Placement | None:
    """Where to try after this failure; None when nothing is to be expected of it.

    :param failover: locations to go to when one has no room, in this order.
    :param tried: the attempts so far, the failed one last.
    """
    if error.outcome not in _RETRIED:
        return None
    location = ""
    if error.remedy is Remedy.ELSEWHERE:
        used = {placement.location for placement in tried}
        location = next((name for name in failover if name not in used), "")
    elif error.remedy is Remedy.AGAIN:
        here = tried[-1].location
        location = here if sum(placement.location == here for placement in tried) < _SAME_PLACE else ""
    number = tried[-1].number + 1
    return Placement(number, location, group_name(plan, cell.name, number)) if location else None
