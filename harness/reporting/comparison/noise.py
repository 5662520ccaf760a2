"""How long a test usually takes, and from when on longer is not noise.

Durations of specs are skewed (they poll with growing intervals), but their logarithms are not, so the fences are drawn there, around the
middle half of the past: twice its range above it. Of a test whose times are log-normal, one result in 2,500 lies beyond. A quarter and a
second are the least that anybody minds.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

ENOUGH = 5
"""Passed results from which a usual time can be told."""
_RECENT = 50
_RANGES = 2.0
_PART = 1.25
_SECONDS = 1.0
_SHORTEST = 0.01


def bounds(past: Sequence[float]) -> tuple[float, float, float] | None:
    """(median, lowest, highest usual seconds) of these durations, newest first; None for too few."""
    recent = [math.log(max(seconds, _SHORTEST)) for seconds in past[:_RECENT]]
    if len(recent) < ENOUGH:
        return None
    low, middle, high = statistics.quantiles(recent, n=4, method="inclusive")
    width, median = high - low, math.exp(middle)
    highest = max(math.exp(high + _RANGES * width), median * _PART, median + _SECONDS)
    return median, math.exp(low - _RANGES * width), highest


def slower_than_usual(seconds: float, usual: tuple[float, float, float]) -> bool:
    return seconds > usual[2]
