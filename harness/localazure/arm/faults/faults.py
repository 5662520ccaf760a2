"""The faults that are set, in order; the first one that meets a request is used up by it.

They are kept in the store, so that a server that was killed comes back with those that were left: a fault that kills the server
must not meet it again after its restart. What they have begun does not survive: an operation that would never end is finished
by the next server, as everything that it finds undone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from harness.localazure.arm.faults.api import Asked, Fault, Kind, Met
from harness.localazure.arm.faults.dice import choose, draw
from harness.localazure.arm.faults.kinds import find_kind
from harness.localazure.arm.faults.reading import read_fault, write_fault
from harness.localazure.arm.store import Store

_FACT = "faults"


class Faults:
    """The faults of one server."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: list[Fault] = []
        self._seen: dict[str, int] = {}
        """How often a seeded fault has looked at a call, by its place, the resource group and the call."""
        if kept := store.fact(_FACT):
            raw = json.loads(kept)
            self._all = [read_fault(fault) for fault in raw["faults"]]
            self._seen = raw["seen"]

    def add(self, raw: Any) -> list[Fault]:
        """Set one fault or several, all of them or none, from JSON; raises ``ArmError`` (400) that names what is wrong."""
        added = [read_fault(one) for one in (raw if isinstance(raw, list) else [raw])]
        self._all += added
        self._keep()
        return added

    def meet(self, asked: Asked) -> Met | None:
        """What meets this request, if anything; used up for good when this returns."""
        for place, fault in enumerate(self._all):
            kinds = _applicable(fault, asked)
            if not fault.count or not kinds or not _matches(fault, asked):
                continue
            if fault.skip:
                self._all[place] = replace(fault, skip=fault.skip - 1)
                self._keep()
                continue
            kind = self._drawn(place, fault, kinds, asked)
            if kind:
                if fault.count > 0:
                    self._all[place] = replace(fault, count=fault.count - 1)
                self._keep()
                return Met(kind.name, kind.effect(fault))
        return None

    def pending(self) -> list[dict[str, Any]]:
        """Those that may still meet a request, as JSON."""
        return [write_fault(fault) for fault in self._all if fault.count]

    def clear(self) -> None:
        """Forget all of them."""
        self._all.clear()
        self._seen.clear()
        self._keep()

    def _drawn(self, place: int, fault: Fault, kinds: list[Kind], asked: Asked) -> Kind | None:
        if fault.seed is None:
            return kinds[0]
        key = f"{place} {asked.group} {asked.call.lower()}"
        number = self._seen[key] = self._seen.get(key, 0) + 1
        chance, which = draw(fault.seed, asked.call, number)
        self._keep()
        return choose(kinds, which) if chance < fault.rate else None

    def _keep(self) -> None:
        self._store.remember(_FACT, json.dumps({"faults": list(map(write_fault, self._all)), "seen": self._seen}))


def _applicable(fault: Fault, asked: Asked) -> list[Kind]:
    found: Iterable[Kind | None] = map(find_kind, fault.kinds)
    return [kind for kind in found if kind and kind.meets(asked)]


def _matches(fault: Fault, asked: Asked) -> bool:
    return (
        (not fault.call or fault.call.lower() == asked.call.lower())
        and (not fault.method or fault.method.upper() == asked.method)
        and (not fault.location or fault.location == asked.location)
        and bool(re.search(fault.path, asked.path, re.IGNORECASE))
    )
