"""Keeps a worker with one cell while that has work: elsewhere it would start another e2e.test, and make the session's fixtures again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.plugin.facts import ItemFacts


class Homes:
    """The cell of each worker."""

    def __init__(self, facts: Sequence[ItemFacts]) -> None:
        self._facts = facts
        self._homes: dict[object, str] = {}

    def of(self, worker: object, waiting: Iterable[int]) -> str:
        """The worker's cell: the one it has while any of these tests is of it, else the one with most to do for each worker that it has.

        Exclusive tests do not count: each of them starts its own e2e.test.
        """
        work: Counter[str] = Counter()
        for index in waiting:
            if self._facts[index].cell and not self._facts[index].exclusive:
                work[self._facts[index].cell] += 1 + int(1000 * self._facts[index].expected)
        home = self._homes.get(worker, "")
        if work and home not in work:
            have = Counter(self._homes.values())
            home = self._homes[worker] = max(work, key=lambda cell: work[cell] / (1 + have[cell]))
        return home

    def forget(self, worker: object) -> None:
        """The worker is gone."""
        self._homes.pop(worker, None)
