"""When to give a bring-up up: nothing was seen for a long time that had not been seen before.

With a deadline alone, one machine that never boots costs the whole run. Progress is what is new: a problem that became another one, a
step that a machine tells on its console. There are not many of these, so that what fails and tries again for ever is no progress.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

_LOOKS = 4
"""How often within the limit machines are asked: their consoles come through the cloud."""


def _nothing() -> tuple[str, ...]:
    return ()


@dataclass
class Standstill:
    """Watches one bring-up."""

    limit: float
    """Seconds."""
    told: Callable[[], Iterable[str]] = _nothing
    """What the machines have told so far, in words that do not change from one time to the next."""
    since: float = field(default_factory=time.monotonic)
    """When something new was last seen."""
    _asked: float = 0.0
    _seen: set[str] = field(default_factory=set)

    def reached(self, wrong: Collection[str], now: float) -> bool:
        """Whether nothing is new, and something still wrong, since ``limit`` seconds."""
        new = self._note(_named(wrong)) or not wrong
        if now - self._asked >= self.limit / _LOOKS:
            self._asked = now
            new = self._note(self.told()) or new
        if new:
            self.since = now
        return now - self.since >= self.limit

    def _note(self, signs: Iterable[str]) -> bool:
        before = len(self._seen)
        self._seen.update(signs)
        return len(self._seen) > before


def _named(wrong: Iterable[str]) -> Iterable[str]:
    """Problems without what may change for ever: reasons, with their times and addresses, and pods, which are made anew."""
    return (problem.partition(":")[0] for problem in wrong if not problem.startswith("pod "))
