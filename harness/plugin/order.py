"""In which order tests start that share clusters: long and short ones side by side all the time, the longest of each first.

Longest first alone starts together what mostly waits and keeps for the end what mostly works: measured with all of conformance, the
processors idled for five minutes and were asked for fifty times as much as there is in the last two. So tests are divided by length
into as many bands of equal work as there are workers, and whoever is idle takes from the band of which most is left. A test
that would else end last, because it takes about as long as what is left for each worker, goes before all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

URGENT = float("-inf")
"""First part of the key of what goes before all."""
_LAST = 0.75
"""Share of what is left for each worker from which on a test is started at once."""


class Order:
    """The order of one collection.

    :param expected: index -> seconds, of the tests that share clusters.
    """

    def __init__(self, expected: Mapping[int, float], workers: int) -> None:
        self._expected = expected
        self._workers = workers
        self._bands = _bands(expected, workers)

    def rank(self, pending: Sequence[int], urgency: Callable[[int], float]) -> Callable[[int], tuple[float, float]]:
        """A key by which to sort the pending tests, first what should start first.

        :param urgency: seconds that a test, or what can only run after it, takes at least.
        """
        left = dict.fromkeys(range(self._workers), 0.0)
        for index in pending:
            if index in self._bands:
                left[self._bands[index]] += self._expected[index]
        late = _LAST * sum(left.values()) / self._workers

        def key(index: int) -> tuple[float, float]:
            urgent = urgency(index)
            if index not in self._bands or urgent >= late:
                return URGENT, -urgent
            return -left[self._bands[index]], -urgent

        return key


def _bands(expected: Mapping[int, float], workers: int) -> dict[int, int]:
    """Index -> band, 0 that of the longest tests."""
    work = sum(expected.values())
    bands, before = {}, 0.0
    for index in sorted(expected, key=lambda index: -expected[index]):
        bands[index] = min(workers - 1, int(before / work * workers)) if work else 0
        before += expected[index]
    return bands
