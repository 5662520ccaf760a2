"""The subscription's request budget: a token bucket for reads, one for writes, one for deletes, for each principal.

Every answer says what is left; an empty bucket is 429 with ``Retry-After``. The buckets are large unless made as small as the
public cloud's (reads 250 and 25 a second, writes and deletes 200 and 10 a second).

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.localazure.arm.errors import ArmError, invalid

KINDS = ("reads", "writes", "deletes")
_USUAL = (20_000.0, 2_000.0)


@dataclass
class Buckets:
    """Sizes and what is left."""

    clock: Callable[[], float] = time.monotonic
    sizes: dict[str, tuple[float, float]] = field(default_factory=lambda: dict.fromkeys(KINDS, _USUAL))
    """Kind -> tokens of a full bucket, tokens a second that it gets."""
    _left: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """(principal, kind) -> tokens at a time."""

    def take(self, principal: str, method: str) -> dict[str, str]:
        """Take a token; the header that tells what is left. Raises ``ArmError`` 429 when there is none."""
        kind = "reads" if method in ("GET", "HEAD") else "deletes" if method == "DELETE" else "writes"
        size, rate = self.sizes[kind]
        now = self.clock()
        before, at = self._left.get((principal, kind), (size, now))
        left = min(size, before + (now - at) * rate) - 1
        header = {f"x-ms-ratelimit-remaining-subscription-{kind}": str(max(0, math.floor(left)))}
        if left < 0:
            self._left[principal, kind] = (left + 1, now)
            wait = str(max(1, math.ceil(-left / rate))) if rate else "60"
            raise ArmError(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of {kind} for subscription exceeded the limit. Please try again after '{wait}' seconds.",
                headers={**header, "Retry-After": wait},
            )
        self._left[principal, kind] = (left, now)
        return header

    def set(self, raw: Any) -> None:
        """Other sizes, from JSON: ``{"reads": [250, 25]}``; what is not named gets the usual one."""
        try:
            sizes = {kind: (float(raw[kind][0]), float(raw[kind][1])) for kind in raw}
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise invalid('rates is an object like {"reads": [250, 25]}: tokens, tokens a second.') from error
        if unknown := set(sizes) - set(KINDS):
            raise invalid(f"rates: unknown {sorted(unknown)}; there are {', '.join(KINDS)}.")
        self.sizes = dict.fromkeys(KINDS, _USUAL) | sizes
        self._left.clear()
