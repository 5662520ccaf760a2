"""Where a test may run now: the clusters of each cell as lanes, exclusive tests alone in theirs, limits of suites and labels.

A cell has one lane for each of its clusters. With one, exclusive tests (Serial, Disruptive) wait until all others of the cell are
done. With several, some lanes belong to exclusive tests from the start, as many as it takes for them to end no later than
the others are expected to; the others go on beside them. A spec that two suites select has a limit of one: ginkgo runs each spec once,
so it may count on being the only one that uses a port of the nodes, or the name of an object without a namespace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.plugin.facts import ItemFacts
from harness.plugin.limits import Limits, Name

Lane = tuple[str, int]
"""Cell, and the number of its cluster from 0 on."""


class Lanes:
    """What runs where; :meth:`place` says where one more test may run.

    :param clusters: cell -> number of its clusters; a cell not named has one.
    :param capacity: how many tests that share a lane it carries now.
    """

    def __init__(
        self,
        facts: Sequence[ItemFacts],
        workers: int,
        clusters: Mapping[str, int],
        limits: Limits,
        capacity: Callable[[Lane], int],
    ) -> None:
        self._facts = facts
        self._limits = _limits_of(facts, limits)
        self._capacity = capacity
        self._count = {cell: max(1, clusters.get(cell, 1)) for cell in {fact.cell for fact in facts}}
        self._reserved = {cell: self._reserve(cell, workers) for cell in self._count}
        self._placed: dict[int, Lane] = {}

    def _reserve(self, cell: str, workers: int) -> int:
        """How many lanes, from the last on, are for exclusive tests only."""
        count = self._count[cell]
        alone = sum(fact.expected for fact in self._facts if fact.cell == cell and fact.exclusive)
        shared = sum(fact.expected for fact in self._facts if fact.cell == cell and not fact.exclusive)
        if not alone or count == 1:
            return 0
        if not shared:
            return count
        return next((k for k in range(1, count) if alone / k <= shared / workers), count - 1)

    def kind(self, index: int) -> object:
        """Equal for tests that may run in the same places."""
        fact = self._facts[index]
        return fact.exclusive, fact.cell, _moves(fact), *(name for name, _ in self._limits[index])

    def width(self, waiting: Iterable[int]) -> int:
        """How many of these could run at the same time at most."""
        facts = [self._facts[index] for index in waiting]
        alone = {fact.cell for fact in facts if fact.exclusive}
        return sum(not fact.exclusive for fact in facts) + sum(self._count[cell] for cell in alone)

    def lane_of(self, index: int) -> Lane:
        """Where a placed test runs."""
        return self._placed[index]

    def enter(self, index: int, lane: Lane) -> None:
        self._placed[index] = lane

    def leave(self, index: int) -> None:
        del self._placed[index]

    def place(self, index: int, waiting: Iterable[int]) -> Lane | None:
        """A lane for this test; None if there is none now.

        :param waiting: all tests that are not placed yet, this one among them.
        """
        fact = self._facts[index]
        return self._alone(fact, waiting) if fact.exclusive else self._beside(index)

    def follows(self, index: int, before: int, waiting: Iterable[int]) -> bool:
        """Whether an exclusive test may be told as the next behind another one, in its lane."""
        cell, number = self._placed[before]
        if not self._facts[index].exclusive or self._facts[index].cell != cell or not self._movable(index, number):
            return False
        return number >= self._count[cell] - self._reserved[cell] or not self._shared_waits(cell, waiting)

    def _alone(self, fact: ItemFacts, waiting: Iterable[int]) -> Lane | None:
        cell, count = fact.cell, self._count[fact.cell]
        first = count - self._reserved[cell] if self._shared_waits(cell, waiting) else 0
        busy = Counter(self._placed.values())
        for number in range(count - 1, first - 1, -1):
            if not busy[cell, number] and (number == 0 or _moves(fact)):
                return cell, number
        return None

    def _beside(self, index: int) -> Lane | None:
        fact, cell = self._facts[index], self._facts[index].cell
        last = self._count[cell] - self._reserved[cell] if _moves(fact) else 1
        taken = {lane for other, lane in self._placed.items() if self._facts[other].exclusive}
        free = [
            lane for lane in ((cell, number) for number in range(last)) if lane not in taken and self._room(index, lane)
        ]
        busy = Counter(self._placed.values())
        return min(free, key=lambda lane: busy[lane], default=None)

    def _room(self, index: int, lane: Lane) -> bool:
        here = [other for other, place in self._placed.items() if place == lane]
        if self._facts[index].cell and len(here) >= self._capacity(lane):
            return False
        names = Counter(name for other in here for name, _ in self._limits[other])
        return all(names[name] < limit for name, limit in self._limits[index])

    def _shared_waits(self, cell: str, waiting: Iterable[int]) -> bool:
        return any(self._facts[index].cell == cell and not self._facts[index].exclusive for index in waiting)

    def _movable(self, index: int, number: int) -> bool:
        return number == 0 or _moves(self._facts[index])

    def urgency(self, waiting: Sequence[int]) -> Callable[[int], float]:
        """A test is as urgent as it is long, or as what is left under its tightest limit."""
        left: dict[tuple[str, Name], float] = {}
        for index in waiting:
            fact = self._facts[index]
            for name, _ in self._limits[index]:
                left[fact.cell, name] = left.get((fact.cell, name), 0.0) + fact.expected

        def urgent(index: int) -> float:
            fact = self._facts[index]
            return max([fact.expected, *(left[fact.cell, name] / limit for name, limit in self._limits[index])])

        return urgent


def _limits_of(facts: Sequence[ItemFacts], limits: Limits) -> list[list[tuple[Name, int]]]:
    """For each test the limits that it shares with others of its cluster; that of a spec has no suite."""
    specs = Counter((fact.cell, fact.name) for fact in facts if fact.spec)
    found = []
    for fact in facts:
        several = fact.spec and specs[fact.cell, fact.name] > 1
        found.append([*limits.of(fact.suite, fact.labels), *([(("", fact.name), 1)] if several else [])])
    return found


def _moves(fact: ItemFacts) -> bool:
    """Whether a test may run on a further cluster: specs may; Python tests share session fixtures, which know one cluster."""
    return fact.spec
