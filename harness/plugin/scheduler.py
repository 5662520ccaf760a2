"""Gives tests to xdist's workers: in the order of :mod:`harness.plugin.order`, exclusive ones alone, failed ones again at the end.

xdist 3.8 starts a test only when its worker knows the next one or is told to shut down; our workers start each at once
(:mod:`harness.plugin.loop`), so a test is given out only when it can run, and no test waits behind another. Exclusive ones are
the exception: the next of a lane is told ahead, because its e2e.test process takes a second to start. xdist carries whole numbers to
workers, so the lane travels in the same number as the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from harness.plugin.facts import ItemFacts
from harness.plugin.farewells import Farewells, farewell_of
from harness.plugin.homes import Homes
from harness.plugin.lanes import Lane, Lanes
from harness.plugin.limits import Limits
from harness.plugin.order import URGENT, Order

_UNKNOWN = 15.0


class Node(Protocol):
    """What is used of xdist's ``WorkerController``."""

    @property
    def shutting_down(self) -> bool: ...

    def send_runtest_some(self, indices: Sequence[int]) -> None: ...

    def shutdown(self) -> None: ...


def encoded(index: int, lane: int, count: int) -> int:
    """A test and its lane as one whole number; ``count`` is the number of tests collected."""
    return lane * count + index


def decoded(number: int, count: int) -> tuple[int, int]:
    """Index and lane of :func:`encoded`."""
    return number % count, number // count


class SuiteScheduling:
    """Implements xdist's ``Scheduling`` protocol.

    :param workers: how many workers report a collection before the first test is given out.
    :param facts: returns node id -> facts; called once, when the first worker has collected.
    :param limits: of suites and labels.
    :param differ: called with two collections that are not the same.
    :param clusters: cell -> number of its clusters; a cell's place in here is its number for :mod:`harness.plugin.farewells`.
    :param again: called with the node id of each finished test; whether it is to run once more, after all others.
    :param capacity: how many tests that share a lane it carries now.
    :param admitted: whether a cell has, or gets, its clusters; tests of one that waits for room come after all others.
    :param finished: called for each cell but the last, when its last test has run and workers have let it go.
    :param abreast: how many cells, in the order of ``clusters``, come before all others; 0: all are equal.
    """

    def __init__(
        self,
        workers: int,
        facts: Callable[[], Mapping[str, ItemFacts]],
        limits: Limits,
        differ: Callable[[Node, Sequence[str], Sequence[str]], None],
        *,
        clusters: Mapping[str, int],
        again: Callable[[str], bool] = lambda nodeid: False,
        capacity: Callable[[Lane], int] = lambda lane: 1_000_000,
        admitted: Callable[[str], bool] = lambda cell: True,
        finished: Callable[[str], None] = lambda cell: None,
        abreast: int = 0,
    ) -> None:
        self._abreast = abreast
        self._workers = workers
        self._admitted = admitted
        self._tell_finished = finished
        self._running_cells: set[str] = set()
        self._load = facts
        self._limits = limits
        self._differ = differ
        self._clusters = clusters
        self._ask_again = again
        self._capacity = capacity
        self._collections: dict[Node, list[str]] = {}
        self._queues: dict[Node, list[int]] = {}
        self._collection: list[str] | None = None
        self._facts: list[ItemFacts] = []
        self._lanes: Lanes
        self._order: Order
        self._homes: Homes
        self._farewells: Farewells
        self._cells: list[str]
        self._pending: list[int] = []
        """Not given out yet, by index into the collection."""
        self._repeat: list[int] = []
        """To be given out once more when nothing else is left."""

    @property
    def nodes(self) -> list[Node]:
        return list(self._queues)

    @property
    def collection_is_completed(self) -> bool:
        return len(self._collections) >= self._workers

    @property
    def tests_finished(self) -> bool:
        return self.collection_is_completed and not self.has_pending

    @property
    def has_pending(self) -> bool:
        return bool(self._pending or self._repeat) or any(self._queues.values())

    def add_node(self, node: Node) -> None:
        self._queues[node] = []

    def add_node_collection(self, node: Node, collection: Sequence[str]) -> None:
        if self._collection is not None and list(collection) != self._collection:
            self._differ(node, self._collection, collection)
            node.shutdown()
            return
        self._collections[node] = list(collection)

    def schedule(self) -> None:
        """Give out work; again when a replacement for a dead worker has collected."""
        if self._collection is None:
            if not self._same_collections():
                return
            self._collection = next(iter(self._collections.values()))
            known = self._load()
            self._facts = [known.get(nodeid) or _unknown(nodeid) for nodeid in self._collection]
            self._lanes = Lanes(self._facts, self._workers, self._clusters, self._limits, self._capacity)
            shared = {index: fact.expected for index, fact in enumerate(self._facts) if not fact.exclusive}
            self._order = Order(shared, self._workers)
            self._homes = Homes(self._facts)
            self._pending = list(range(len(self._collection)))
            self._running_cells = {fact.cell for fact in self._facts if fact.cell}
            self._cells = [*self._clusters, *sorted(self._running_cells - self._clusters.keys())]
            self._farewells = Farewells(self._cells)
        self._report_finished()
        self._fill()

    def mark_test_complete(self, node: Node, item_index: int, duration: float = 0) -> None:
        assert self._collection is not None
        if (cell := farewell_of(item_index)) is not None:
            self._free(self._farewells.hear(node, cell))
        else:
            self._queues[node].remove(item_index)
            self._lanes.leave(item_index)
            if self._ask_again(self._collection[item_index]):
                self._repeat.append(item_index)
        self._report_finished()
        self._fill()

    def mark_test_pending(self, item: str) -> None:
        """Run a test once more, after all others: it was lost with its worker."""
        assert self._collection is not None
        self._repeat.append(self._collection.index(item))
        self._fill()

    def remove_pending_tests_from_node(self, node: Node, indices: Sequence[int]) -> None:
        """Only answers ``steal``, which is never sent."""
        raise NotImplementedError

    def remove_node(self, node: Node) -> str | None:
        """Forget a worker; returns the test it died in, if any. Raises ``KeyError`` for a worker not known."""
        queue = self._queues.pop(node)
        if self._collection is not None:
            self._homes.forget(node)
            self._free(self._farewells.forget(node))
        for index in queue:
            self._lanes.leave(index)
        if not queue:
            return None
        assert self._collection is not None
        self._pending.extend(queue[1:])
        self._fill(decided=False)
        return self._collection[queue[0]]

    def _same_collections(self) -> bool:
        (_, expected), *others = self._collections.items()
        for node, collection in others:
            if collection != expected:
                self._differ(node, expected, collection)
                return False
        return True

    def _fill(self, *, decided: bool = True) -> None:
        """Every idle worker gets what can run now, and exclusive ones their next; whoever will not be needed may go.

        :param decided: whether it is known if a dead worker's test runs again; until then nobody begins to wait for its cell to leave.
        """
        if not self._of_admitted() and not any(self._queues.values()):
            self._pending, self._repeat = [*self._repeat, *self._pending], []
        able = [node for node in self._queues if node in self._collections and not node.shutting_down]
        for node in able:
            if not self._queues[node]:
                self._give(node, decided)
        for node in able:
            if len(self._queues[node]) == 1:
                self._tell_next(node)
        self._let_go([node for node in able if not self._queues[node]])

    def _give(self, node: Node, decided: bool) -> None:
        places = self._places()
        ranks = {place: self._rank(place, places) for place in {0, *places.values()}}
        able = self._of_admitted() or (self._of_waiting() if decided else [])
        front = [index for index in able if not places.get(self._facts[index].cell)]
        home = self._homes.of(node, front or able)

        def key(index: int) -> tuple[int, bool, bool, bool, float, float]:
            fact = self._facts[index]
            place = places.get(fact.cell, 0)
            band, length = ranks[place](index)
            return place, not fact.exclusive, band != URGENT, fact.cell not in ("", home), band, length

        refused = set()
        for index in sorted(able, key=key):
            kind = self._lanes.kind(index)
            if kind in refused:
                continue
            if lane := self._lanes.place(index, self._pending):
                self._send(node, index, lane)
                return
            refused.add(kind)

    def _places(self) -> dict[str, int]:
        """Cell -> 0 if it is among the first that still run, the higher the later it comes."""
        running = [cell for cell in self._cells if cell in self._running_cells]
        return {cell: max(0, number + 1 - (self._abreast or len(running))) for number, cell in enumerate(running)}

    def _rank(self, place: int, places: Mapping[str, int]) -> Callable[[int], tuple[float, float]]:
        """The order of the tests of the cells in one place, as if there were no others."""
        pending = [index for index in self._pending if places.get(self._facts[index].cell, 0) == place]
        return self._order.rank(pending, self._lanes.urgency(pending))

    def _of_admitted(self) -> list[int]:
        """Pending tests whose clusters are up or come up."""
        waiting = self._waiting_cells()
        return [index for index in self._pending if self._facts[index].cell not in waiting]

    def _of_waiting(self) -> list[int]:
        """Those of cells that wait for others to leave, once nothing of the others is left: they wait for it in their worker.

        Not while a worker still has to let one go: it would wait for what it keeps from happening.
        """
        if self._farewells.outstanding:
            return []
        waiting = self._waiting_cells()
        left = [*self._repeat, *(index for queue in self._queues.values() for index in queue)]
        return [] if any(self._facts[index].cell not in waiting for index in left) else list(self._pending)

    def _waiting_cells(self) -> set[str]:
        return {cell for cell in self._running_cells if not self._admitted(cell)}

    def _report_finished(self) -> None:
        left = [*self._pending, *self._repeat, *(index for queue in self._queues.values() for index in queue)]
        for cell in sorted(self._running_cells - {self._facts[index].cell for index in left}):
            self._running_cells.discard(cell)
            if self._running_cells:
                self._free(self._farewells.say(cell, self._queues))

    def _free(self, cells: Sequence[str]) -> None:
        for cell in cells:
            self._tell_finished(cell)

    def _tell_next(self, node: Node) -> None:
        """The next exclusive test of the same lane: the longest."""
        before = self._queues[node][0]
        if not self._facts[before].exclusive:
            return
        able = [index for index in self._pending if self._lanes.follows(index, before, self._pending)]
        if able:
            longest = max(able, key=lambda index: self._facts[index].expected)
            self._send(node, longest, self._lanes.lane_of(before))

    def _send(self, node: Node, index: int, lane: Lane) -> None:
        self._lanes.enter(index, lane)
        self._farewells.meet(node, self._facts[index].cell)
        self._pending.remove(index)
        self._queues[node].append(index)
        node.send_runtest_some([encoded(index, lane[1], len(self._facts))])

    def _let_go(self, idle: Sequence[Node]) -> None:
        """Keep as many idle workers as may be needed at the same time; a worker whose test fails can repeat it itself."""
        for node in idle[self._lanes.width(self._pending) + len(self._repeat) :]:
            node.shutdown()


def _unknown(nodeid: str) -> ItemFacts:
    """A test nobody described."""
    return ItemFacts(nodeid, "", "", nodeid, "", exclusive=False, expected=_UNKNOWN)
