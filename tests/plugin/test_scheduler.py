"""The scheduler against simulated workers that behave as xdist's do: a test starts when the next is known or the end is announced."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.plugin.facts import ItemFacts
from harness.plugin.scheduler import SuiteScheduling


@dataclass(eq=False)
class Worker:
    name: int
    queue: list[int] = field(default_factory=list)
    shutting_down: bool = False
    running: int | None = None
    ends: float = 0.0
    dead: bool = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        assert not self.shutting_down
        self.queue.extend(indices)

    def shutdown(self) -> None:
        self.shutting_down = True


@dataclass
class Simulation:
    """Virtual time; exclusive tests wait until nothing else runs on their cell, as the lease makes them."""

    facts: list[ItemFacts]
    limits: dict[str, int]
    workers: int
    crashes: set[int] = field(default_factory=set)
    """Tests in which their worker dies."""
    now: float = 0.0
    started: list[int] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    most: dict[tuple[str, str], int] = field(default_factory=dict)
    alive: list[Worker] = field(default_factory=list)

    def run(self) -> float:
        """Seconds until all is done; fails if nothing can go on."""
        known = {fact.nodeid: fact for fact in self.facts}
        self.sched = SuiteScheduling(self.workers, lambda: known, self.limits, self.differ)
        for number in range(self.workers):
            self.join(Worker(number))
        while True:
            self.begin()
            if self.sched.tests_finished:
                for worker in self.alive:
                    worker.shutdown()
                self.begin()
            busy = [worker for worker in self.alive if worker.running is not None]
            if not busy:
                assert not self.sched.has_pending, "nobody can go on"
                return self.now
            self.end(min(busy, key=lambda worker: worker.ends))

    def differ(self, *_: object) -> None:
        raise AssertionError("collections differ")

    def join(self, worker: Worker) -> None:
        self.alive.append(worker)
        self.sched.add_node(worker)
        self.sched.add_node_collection(worker, [fact.nodeid for fact in self.facts])
        if self.sched.collection_is_completed:
            self.sched.schedule()

    def begin(self) -> None:
        ready = [w for w in self.alive if w.running is None and (len(w.queue) > 1 or (w.queue and w.shutting_down))]
        closed = {fact.cell for fact in (self.facts[worker.queue[0]] for worker in ready) if fact.exclusive}
        for worker in ready:
            fact = self.facts[worker.queue[0]]
            if not fact.exclusive and fact.cell in closed:
                continue  # whoever waits for exclusive use has closed the gate
            others = [self.facts[o.running] for o in self.alive if o.running is not None]
            here = [other for other in others if other.cell == fact.cell]
            if any(other.exclusive for other in here) or (fact.exclusive and here):
                continue
            worker.running, worker.ends = worker.queue[0], self.now + fact.expected
            self.started.append(worker.running)
            share = (fact.suite, fact.cell)
            count = 1 + sum((other.suite, other.cell) == share for other in others)
            self.most[share] = max(self.most.get(share, 0), count)

    def end(self, worker: Worker) -> None:
        self.now = worker.ends
        index, worker.running = worker.running, None
        assert index is not None
        if index in self.crashes:
            self.alive.remove(worker)
            self.crashed.append(self.sched.remove_node(worker) or "")
            if not self.sched.tests_finished:
                self.join(Worker(100 + worker.name))
            return
        worker.queue.remove(index)
        self.sched.mark_test_complete(worker, index)
        if worker.shutting_down and not worker.queue:
            self.alive.remove(worker)
            assert self.sched.remove_node(worker) is None


def fact(number: int, seconds: float, suite: str = "a", cell: str = "c", exclusive: bool = False) -> ItemFacts:
    return ItemFacts(f"{suite}::{number}", suite, cell, str(number), suite, exclusive, seconds)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_test_runs_once_whatever_happens(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40))
    draw = random.Random(data.draw(st.integers(0, 10_000)))
    facts = [
        fact(n, draw.choice([0.1, 1, 5, 20, 100]), draw.choice("abc"), draw.choice("xy"), draw.random() < 0.15)
        for n in range(count)
    ]
    limits = {suite: draw.choice([1, 2, 4]) for suite in "ab" if draw.random() < 0.5}
    crashes = {n for n in range(count) if draw.random() < 0.1}
    simulation = Simulation(facts, limits, data.draw(st.integers(1, 12)), crashes)
    simulation.run()
    assert sorted(simulation.started) == list(range(count))
    assert sorted(simulation.crashed) == sorted(facts[n].nodeid for n in crashes)
    for (suite, _), most in simulation.most.items():
        assert most <= limits.get(suite, 99)


def test_long_tests_start_first_and_none_waits_behind_another() -> None:
    facts = [fact(n, 60) for n in range(12)] + [fact(12 + n, 2) for n in range(60)]
    random.Random(1).shuffle(facts)
    simulation = Simulation(facts, {}, 12)
    assert simulation.run() <= 75
    assert {facts[index].expected for index in simulation.started[:12]} == {60}


def test_exclusive_tests_come_last_on_one_worker() -> None:
    facts = [fact(n, 5, exclusive=n % 5 == 0) for n in range(25)]
    simulation = Simulation(facts, {}, 4)
    seconds = simulation.run()
    assert all(facts[index].exclusive for index in simulation.started[-5:])
    assert seconds <= 20 / 4 * 5 + 5 * 5 + 5


def test_an_exclusive_test_keeps_nobody_waiting() -> None:
    facts = [fact(0, 30), fact(1, 16), fact(2, 1), fact(3, 60, exclusive=True)]
    simulation = Simulation(facts, {}, 2)
    assert simulation.run() == 91
    assert simulation.started == [0, 1, 2, 3]


def test_a_limited_suite_begins_at_once_although_its_tests_are_short() -> None:
    facts = [fact(n, 30, "long") for n in range(40)] + [fact(40 + n, 10, "narrow") for n in range(40)]
    simulation = Simulation(facts, {"narrow": 4}, 12)
    assert simulation.run() <= 200
    assert {facts[index].suite for index in simulation.started[:12]} == {"long", "narrow"}


@pytest.mark.parametrize("workers", [1, 12])
def test_a_realistic_run_wastes_little(workers: int) -> None:
    from harness.ginkgo.durations import shipped

    facts = [fact(n, seconds) for n, seconds in enumerate(shipped().values())]
    simulation = Simulation(facts, {}, workers)
    total = sum(item.expected for item in facts)
    assert simulation.run() <= max(total / workers, 598) * 1.05
