"""How much fits: quota by location, and what a location has no room or no offer for; kept in the store like the resources.

``{"cores": 8}`` limits every location, ``{"westeurope": {"cores": 8}}`` only that one. Besides the names of usages (``cores``, a
size's family, ``PublicIPAddresses``) a location may have ``capacity``, the cores that its hardware really has: beyond that a machine
that quota allows is accepted and then fails, as on the public cloud; and a size's name with 0 takes it off the location's offer.
"""

from __future__ import annotations

import json
from typing import Any

from harness.localazure.arm.errors import invalid
from harness.localazure.arm.locations import LOCATIONS
from harness.localazure.arm.store import Store

_FACT = "limits"
EVERYWHERE = ""


class Limits:
    """Limits by location and name, in any case."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: dict[str, dict[str, int]] = json.loads(store.fact(_FACT) or "{}")

    def of(self, name: str, location: str, usual: int) -> int:
        """The limit of this name in this location."""
        for place in (location, EVERYWHERE):
            found = {known.lower(): limit for known, limit in self._all.get(place, {}).items()}
            if name.lower() in found:
                return found[name.lower()]
        return usual

    def set(self, raw: Any) -> None:
        """Replace all limits, from JSON; raises ``ArmError`` (400)."""
        if not isinstance(raw, dict):
            raise invalid("quota is an object of limits by name, or of such objects by location.")
        wanted: dict[str, dict[str, int]] = {}
        for name, value in raw.items():
            if not isinstance(value, dict):
                wanted.setdefault(EVERYWHERE, {})[name] = _limit(name, value)
            elif name in LOCATIONS:
                wanted[name] = {inner: _limit(inner, limit) for inner, limit in value.items()}
            else:
                raise invalid(f"quota: unknown location '{name}': there are {', '.join(LOCATIONS)}.")
        self._all = wanted
        self._store.remember(_FACT, json.dumps(wanted))

    def shown(self) -> dict[str, Any]:
        """What :meth:`set` takes."""
        return {**self._all.get(EVERYWHERE, {}), **{place: found for place, found in self._all.items() if place}}


def _limit(name: str, value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise invalid(f"quota: {name} is a whole number from 0 on, not {value!r}.")
    return value
