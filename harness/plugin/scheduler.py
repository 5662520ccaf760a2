"""Gives tests to xdist's workers: the longest expected first, exclusive ones last, never more of a suite than its limit.

Facts about xdist 3.8 that shape it: a worker starts a test only when it knows the next one or is told to shut down, and a test it has
been told as next cannot be taken back. So behind a long test waits the shortest there is, and behind a short one the
longest: no long test is stuck behind another. What a dead worker had not started goes to the others or to its replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from harness.plugin.facts import ItemFacts

_SHORT = 15.0
"""Seconds up to which a test may be waited behind."""


class Node(Protocol):
    """What is used of xdist's ``WorkerController``."""

    @property
    def shutting_down(self) -> bool: ...

    def send_runtest_some(self, indices: Sequence[int]) -> None: ...

    def shutdown(self) -> None: ...


class SuiteScheduling:
    """Implements xdist's ``Scheduling`` protocol.

    :param workers: how many workers report a collection before the first test is given out.
    :param facts: returns node id -> facts; called once, when the first worker has collected.
    :param limits: suite -> tests at the same time on one cell.
    :param differ: called with two collections that are not the same.
    """

    def __init__(
        self,
        workers: int,
        facts: Callable[[], Mapping[str, ItemFacts]],
        limits: Mapping[str, int],
        differ: Callable[[Node, Sequence[str], Sequence[str]], None],
    ) -> None:
        self._workers = workers
        self._load = facts
        self._limits = limits
        self._differ = differ
        self._collections: dict[Node, list[str]] = {}
        self._queues: dict[Node, list[int]] = {}
        self._collection: list[str] | None = None
        self._facts: list[ItemFacts] = []
        self._pending: list[int] = []
        """Not given out yet, by index into the collection."""
        self._chains: dict[str, Node] = {}
        """Cell -> the worker that runs its exclusive tests."""

    @property
    def nodes(self) -> list[Node]:
        return list(self._queues)

    @property
    def collection_is_completed(self) -> bool:
        return len(self._collections) >= self._workers

    @property
    def tests_finished(self) -> bool:
        if not self.collection_is_completed or self._pending:
            return False
        return all(len(queue) < 2 for queue in self._queues.values())

    @property
    def has_pending(self) -> bool:
        return bool(self._pending) or any(self._queues.values())

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
            self._pending = list(range(len(self._collection)))
        self._fill()

    def mark_test_complete(self, node: Node, item_index: int, duration: float = 0) -> None:
        self._queues[node].remove(item_index)
        self._fill()

    def mark_test_pending(self, item: str) -> None:
        assert self._collection is not None
        self._pending.append(self._collection.index(item))
        self._fill()

    def remove_pending_tests_from_node(self, node: Node, indices: Sequence[int]) -> None:
        """Only answers ``steal``, which is never sent."""
        raise NotImplementedError

    def remove_node(self, node: Node) -> str | None:
        """Forget a worker; returns the test it died in, if any. Raises ``KeyError`` for a worker not known."""
        queue = self._queues.pop(node)
        self._chains = {cell: owner for cell, owner in self._chains.items() if owner is not node}
        if not queue:
            return None
        assert self._collection is not None
        self._pending.extend(queue[1:])
        self._fill()
        return self._collection[queue[0]]

    def _same_collections(self) -> bool:
        (_, expected), *others = self._collections.items()
        for node, collection in others:
            if collection != expected:
                self._differ(node, expected, collection)
                return False
        return True

    def _fill(self) -> None:
        """Every worker that can take more gets it: first those that have nothing to run, last those that wait for others."""
        able = [node for node in self._queues if node in self._collections and not node.shutting_down]
        able.sort(key=self._holds_exclusive)
        for length in (0, 1):
            for node in able:
                if len(self._queues[node]) == length and not (self._held_back(node) or self._give(node)):
                    self._rest(node)

    def _holds_exclusive(self, node: Node) -> bool:
        """Whether the next test of this worker is an exclusive one."""
        return bool(self._queues[node]) and self._facts[self._queues[node][0]].exclusive

    def _held_back(self, node: Node) -> bool:
        """Whether this worker's exclusive test waits for others'; its lease would wait, too, but keep back what they were told next."""
        if not self._holds_exclusive(node):
            return False
        cell = self._facts[self._queues[node][0]].cell
        others = [index for other, queue in self._queues.items() if other is not node for index in queue]
        return any(self._facts[index].cell == cell for index in others)

    def _give(self, node: Node) -> bool:
        index = self._choose(node)
        if index is None:
            return False
        fact = self._facts[index]
        if fact.exclusive:
            self._chains[fact.cell] = node
        self._pending.remove(index)
        self._queues[node].append(index)
        node.send_runtest_some([index])
        return True

    def _rest(self, node: Node) -> None:
        """Nothing for this worker now: let it go, unless it may be needed when a limit or a chain allows more.

        A test it holds only runs when it is let go, so one that holds a test stays only if it is the last worker there is.
        """
        wanted = any(self._may_get(node, self._facts[index]) for index in self._pending)
        alone = all(other is node or other.shutting_down for other in self._queues)
        if not wanted or (self._queues[node] and not alone):
            node.shutdown()

    def _may_get(self, node: Node, fact: ItemFacts) -> bool:
        """Whether this worker is one that may run this test at some time."""
        return not fact.exclusive or self._chains.get(fact.cell, node) is node

    def _choose(self, node: Node) -> int | None:
        """The best pending test for this worker now."""
        queue = self._queues[node]
        shared = [index for index in self._pending if not self._facts[index].exclusive]
        free = self._allowed(node, shared)
        if free:
            behind_long = bool(queue) and self._facts[queue[-1]].expected > _SHORT
            urgency = self._urgency(shared)
            return (min if behind_long else max)(free, key=urgency)
        waiting = {self._facts[index].cell for index in shared}
        for index in self._pending:
            fact = self._facts[index]
            if fact.exclusive and fact.cell not in waiting and self._may_get(node, fact):
                return index
        return None

    def _allowed(self, node: Node, shared: Sequence[int]) -> list[int]:
        """Those within their suite's limit. A suite counts on every worker that holds tests of it: one worker runs them one by one."""
        holders: dict[tuple[str, str], set[int]] = {}
        for other, queue in self._queues.items():
            for index in queue:
                holders.setdefault(self._share(index), set()).add(id(other))
        full = {
            share
            for share, those in holders.items()
            if 0 < self._limits.get(share[0], 0) <= len(those) and id(node) not in those
        }
        return [index for index in shared if self._share(index) not in full]

    def _share(self, index: int) -> tuple[str, str]:
        """Suite and cell: what a limit is about."""
        return self._facts[index].suite, self._facts[index].cell

    def _urgency(self, shared: Sequence[int]) -> Callable[[int], float]:
        """A test is as urgent as it is long, or as what is left of its suite if that has a limit."""
        left: dict[tuple[str, str], float] = {}
        for index in shared:
            left[self._share(index)] = left.get(self._share(index), 0.0) + self._facts[index].expected

        def urgency(index: int) -> float:
            share = self._share(index)
            limit = self._limits.get(share[0], 0)
            return max(self._facts[index].expected, left[share] / limit if limit else 0.0)

        return urgency


def _unknown(nodeid: str) -> ItemFacts:
    """A test nobody described."""
    return ItemFacts(nodeid, "", "", nodeid, "", exclusive=False, expected=_SHORT)
