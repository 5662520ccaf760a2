"""Same seed, same faults: what a seeded fault does to a request depends on the seed, the call and how often it was made, on nothing else.

The clock, the names in a path and the order in which independent calls arrive play no part. Each resource group counts for
itself, so that clusters that come up side by side meet the same faults.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


def draw(seed: int, call: str, number: int) -> tuple[float, float]:
    """Two numbers in [0, 1) for the ``number``-th time this call is made."""
    digest = hashlib.sha256(f"{seed}\0{call.lower()}\0{number}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56, int.from_bytes(digest[7:14]) / 2**56


def choose(items: Sequence[_T], number: float) -> _T:
    """One of the items, by a number in [0, 1)."""
    return items[int(number * len(items))]
