"""The scheduler against simulated workers that behave as ours do: a test starts as soon as its worker is free."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.plugin.facts import ItemFacts
from harness.plugin.farewells import farewell_of
from harness.plugin.limits import Limits
from harness.plugin.scheduler import SuiteScheduling, decoded, encoded


@dataclass(eq=False)
class Worker:
    name: int
    count: int
    queue: list[tuple[int, int]] = field(default_factory=list)
    """Index and lane; a farewell with lane -1."""
    holds: set[str] = field(default_factory=set)
    """Cells of which it has run a test, and that it has not let go."""
    shutting_down: bool = False
    ends: float | None = None
    dead: bool = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        assert not self.shutting_down
        self.queue.extend((number, -1) if number < 0 else decoded(number, self.count) for number in indices)

    def shutdown(self) -> None:
        self.shutting_down = True


@dataclass
class Simulation:
    """Virtual time; fails when something runs beside an exclusive test on its cluster."""

    facts: list[ItemFacts]
    limits: Limits
    workers: int
    crashes: set[int] = field(default_factory=set)
    """Tests in which their worker dies, at each attempt."""
    failures: dict[int, int] = field(default_factory=dict)
    """Test -> how often it fails first."""
    clusters: dict[str, int] = field(default_factory=dict)
    reruns: int = 0
    admitted: Callable[[str], bool] = lambda cell: True
    finished: Callable[[str], None] = lambda cell: None
    abreast: int = 0
    now: float = 0.0
    started: list[int] = field(default_factory=list)
    lanes: dict[int, int] = field(default_factory=dict)
    workers_of: list[int] = field(default_factory=list)
    """Who began it, for each of ``started``."""
    crashed: list[str] = field(default_factory=list)
    most: Counter[tuple[object, ...]] = field(default_factory=Counter)
    alive: list[Worker] = field(default_factory=list)

    def run(self) -> float:
        """Seconds until all is done; fails if nothing can go on."""
        known = {fact.nodeid: fact for fact in self.facts}
        self.sched = SuiteScheduling(
            self.workers,
            lambda: known,
            self.limits,
            self.differ,
            clusters=self.clusters,
            again=self.again,
            admitted=self.admitted,
            finished=self.finished,
            abreast=self.abreast,
        )
        for number in range(self.workers):
            self.join(Worker(number, len(self.facts)))
        while not self.sched.tests_finished:
            self.begin()
            busy = [worker for worker in self.alive if worker.ends is not None]
            assert busy, "nobody can go on"
            self.end(min(busy, key=lambda worker: worker.ends or 0.0))
        return self.now

    def differ(self, *_: object) -> None:
        raise AssertionError("collections differ")

    def again(self, nodeid: str) -> bool:
        index = next(number for number, item in enumerate(self.facts) if item.nodeid == nodeid)
        attempts = self.started.count(index)
        return attempts <= min(self.reruns, self.failures.get(index, 0))

    def join(self, worker: Worker) -> None:
        self.alive.append(worker)
        self.sched.add_node(worker)
        self.sched.add_node_collection(worker, [fact.nodeid for fact in self.facts])
        if self.sched.collection_is_completed:
            self.sched.schedule()

    def begin(self) -> None:
        while self.say_farewell():
            pass
        for worker in list(self.alive):
            self.leave(worker)
        for worker in self.alive:
            if worker.ends is not None or not worker.queue:
                continue
            index, lane = worker.queue[0]
            worker.holds.add(self.facts[index].cell)
            fact = self.facts[index]
            here = [
                self.facts[other.queue[0][0]]
                for other in self.alive
                if other.ends is not None
                and other.queue[0][1] == lane
                and self.facts[other.queue[0][0]].cell == fact.cell
            ]
            assert not (fact.exclusive and here), "an exclusive test began beside others"
            assert not any(other.exclusive for other in here), "a test began beside an exclusive one"
            assert lane == 0 or fact.spec
            assert not (fact.spec and any(other.spec and other.name == fact.name for other in here)), (
                "a spec began beside itself"
            )
            worker.ends = self.now + fact.expected
            self.started.append(index)
            self.workers_of.append(worker.name)
            self.lanes[index] = lane
            share = (fact.suite, fact.cell, lane)
            self.most[share] = max(self.most[share], 1 + sum(other.suite == fact.suite for other in here))
            for label in fact.labels:
                key = (fact.suite, label, fact.cell, lane)
                self.most[key] = max(self.most[key], 1 + sum(label in o.labels and o.suite == fact.suite for o in here))

    def say_farewell(self) -> bool:
        """One worker that runs nothing lets go of the cell that it was told; whether there was one."""
        for worker in self.alive:
            if worker.ends is None and worker.queue and worker.queue[0][1] == -1:
                number, _ = worker.queue.pop(0)
                worker.holds.discard(self.cells[farewell_of(number) or 0])
                self.sched.mark_test_complete(worker, number)
                self.leave(worker)
                return True
        return False

    @property
    def cells(self) -> list[str]:
        """By number."""
        return [*self.clusters, *sorted({fact.cell for fact in self.facts} - self.clusters.keys())]

    def leave(self, worker: Worker) -> None:
        if worker.shutting_down and not worker.queue and worker.ends is None and worker in self.alive:
            self.alive.remove(worker)
            assert self.sched.remove_node(worker) is None

    def end(self, worker: Worker) -> None:
        assert worker.ends is not None
        self.now, worker.ends = worker.ends, None
        index, _ = worker.queue[0]
        if index in self.crashes:
            self.alive.remove(worker)
            self.crashed.append(self.sched.remove_node(worker) or "")
            if not self.sched.tests_finished:
                self.join(Worker(100 + worker.name, len(self.facts)))
            return
        worker.queue.pop(0)
        self.sched.mark_test_complete(worker, index)
        self.leave(worker)


def fact(
    number: int,
    seconds: float,
    suite: str = "a",
    cell: str = "c",
    exclusive: bool = False,
    spec: bool = True,
    labels: tuple[str, ...] = (),
    name: str = "",
) -> ItemFacts:
    return ItemFacts(f"{suite}::{number}", suite, cell, name or str(number), suite, exclusive, seconds, labels, spec)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_test_runs_once_whatever_happens(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40))
    draw = random.Random(data.draw(st.integers(0, 10_000)))
    facts = [
        fact(
            n,
            draw.choice([0.1, 1, 5, 20, 100]),
            draw.choice("abc"),
            draw.choice("xy"),
            draw.random() < 0.15,
            draw.random() < 0.7,
            ("slow",) if draw.random() < 0.3 else (),
            draw.choice(["", "p", "q"]),
        )
        for n in range(count)
    ]
    limits = {suite: draw.choice([1, 2, 4]) for suite in "ab" if draw.random() < 0.5}
    labels = {("c", "slow"): draw.choice([1, 2])}
    crashes = {n for n in range(count) if draw.random() < 0.1}
    failures = {n: draw.choice([1, 2, 3]) for n in range(count) if n not in crashes and draw.random() < 0.2}
    clusters = {"x": draw.choice([1, 2, 3])}
    reruns = draw.choice([0, 2])
    simulation = Simulation(
        facts, Limits(limits, labels), data.draw(st.integers(1, 12)), crashes, failures, clusters, reruns
    )
    inside = {facts[0].cell} if draw.random() < 0.5 else {"x", "y"}

    def finished(cell: str) -> None:
        assert not any(cell in worker.holds for worker in simulation.alive), "it can be taken down"
        inside.update("xy")

    simulation.admitted, simulation.finished = inside.__contains__, finished
    simulation.abreast = draw.choice([0, 1])
    simulation.run()
    expected = Counter({n: 1 + min(reruns, failures.get(n, 0)) for n in range(count)})
    assert Counter(simulation.started) == expected
    assert sorted(simulation.crashed) == sorted(facts[n].nodeid for n in crashes)
    for key, most in simulation.most.items():
        assert most <= (limits.get(key[0], 99) if len(key) == 3 else labels.get(key[:2], 99))


@given(st.integers(1, 5000), st.integers(0, 20), st.data())
def test_a_test_and_its_lane_travel_as_one_number(count: int, lane: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    assert decoded(encoded(index, lane, count), count) == (index, lane)


def test_failures_are_repeated_after_everything_else() -> None:
    facts = [fact(n, 5) for n in range(20)]
    simulation = Simulation(facts, Limits(), 4, failures={3: 1, 7: 5}, reruns=2)
    simulation.run()
    assert sorted(simulation.started[:20]) == list(range(20))
    assert sorted(simulation.started[20:]) == [3, 7, 7]


def test_a_cell_that_waits_for_room_comes_when_the_one_before_has_gone() -> None:
    facts = [fact(n, 1 + n % 7, cell="xyz"[n % 3], exclusive=n % 11 == 0) for n in range(60)]
    inside, gone = {"x", "y"}, []

    def finished(cell: str) -> None:
        gone.append(cell)
        assert not any(cell in worker.holds for worker in simulation.alive), "it can be taken down"
        inside.add("z")

    simulation = Simulation(facts, Limits({"a": 3}), 5, {6}, {0: 1, 4: 2}, reruns=2)
    simulation.admitted, simulation.finished = inside.__contains__, finished
    simulation.run()
    assert sorted(gone) == ["x", "y"], "the last one needs no farewell"
    first = simulation.started.index(next(n for n in simulation.started if facts[n].cell == "z"))
    left = {facts[n].cell for n in simulation.started[first:]}
    assert left != {"x", "y", "z"}, "one of them was done, repeats too, before z began"
    assert Counter(simulation.started) == Counter({n: {0: 2, 4: 3}.get(n, 1) for n in range(60)})


def test_cells_come_one_after_the_other_and_the_next_fills_the_gaps() -> None:
    facts = [fact(100 * n + m, 1 + m * 7 % 31, cell="xyz"[n]) for n in range(3) for m in range(60)]
    facts += [fact(300 + n, 20, cell="xyz"[n], exclusive=True) for n in range(3)]
    gone: list[tuple[str, float]] = []
    simulation = Simulation(facts, Limits(), 12, clusters=dict.fromkeys("xyz", 1), abreast=1)
    simulation.finished = lambda cell: gone.append((cell, simulation.now))
    total = simulation.run()
    work = sum(item.expected for item in facts) / 12
    assert total <= 1.25 * work, "only the last cell leaves workers idle"
    assert [cell for cell, _ in gone] == ["x", "y"], "the last one needs no farewell"
    assert gone[0][1] <= 0.6 * total
    cells = [facts[index].cell for index in simulation.started]
    assert "z" not in cells[:60]
    assert cells[:50] == ["x"] * 50


def test_workers_stay_with_one_of_several_cells_and_help_at_the_end() -> None:
    lengths = [1 + n * 7 % 31 for n in range(60)]
    facts = [
        fact(100 * cell + n, seconds * (1 + cell), cell="xyz"[cell])
        for cell in range(3)
        for n, seconds in enumerate(lengths)
    ]
    simulation = Simulation(facts, Limits(), 12)
    assert simulation.run() <= 1.02 * sum(item.expected for item in facts) / 12
    begun = list(zip(simulation.workers_of, (facts[index].cell for index in simulation.started), strict=True))
    assert len(set(begun[: len(begun) // 2])) == 12, "each worker met one cell"


def test_serial_specs_run_on_further_clusters_meanwhile() -> None:
    facts = [fact(n, 10) for n in range(120)] + [fact(120 + n, 20, exclusive=True) for n in range(10)]
    one = Simulation(facts, Limits(), 12).run()
    several = Simulation(facts, Limits(), 12, clusters={"c": 3})
    assert several.run() <= 125
    assert one >= 290
    assert {several.lanes[n] for n in range(120)} == {0}
    assert {several.lanes[n] for n in range(120, 130)} <= {1, 2}


def test_a_spec_that_two_suites_select_never_runs_beside_itself() -> None:
    """Both would ask for the same port of a node, and the pod of one be rejected."""
    facts = [fact(n, 40, suite, name="HostPort") for n, suite in enumerate("ab")]
    facts += [fact(2 + n, 10) for n in range(40)]
    simulation = Simulation(facts, Limits(), 8)
    assert simulation.run() <= 90, "nor does the second come last"
    assert sorted(simulation.started) == list(range(42))


def test_python_tests_stay_on_the_first_cluster() -> None:
    facts = [fact(n, 10, spec=False) for n in range(20)] + [
        fact(20 + n, 20, exclusive=True, spec=False) for n in range(4)
    ]
    simulation = Simulation(facts, Limits(), 6, clusters={"c": 3})
    simulation.run()
    assert set(simulation.lanes.values()) == {0}


def test_long_tests_start_first_and_none_waits_behind_another() -> None:
    facts = [fact(n, 60) for n in range(12)] + [fact(12 + n, 2) for n in range(60)]
    random.Random(1).shuffle(facts)
    simulation = Simulation(facts, Limits(), 12)
    assert simulation.run() <= 75
    assert {facts[index].expected for index in simulation.started[:12]} == {60}


def test_exclusive_tests_come_last_on_one_worker() -> None:
    facts = [fact(n, 5, exclusive=n % 5 == 0) for n in range(25)]
    simulation = Simulation(facts, Limits(), 4)
    seconds = simulation.run()
    assert all(facts[index].exclusive for index in simulation.started[-5:])
    assert seconds <= 20 / 4 * 5 + 5 * 5 + 5


def test_an_exclusive_test_keeps_nobody_waiting() -> None:
    facts = [fact(0, 30), fact(1, 16), fact(2, 1), fact(3, 60, exclusive=True)]
    simulation = Simulation(facts, Limits(), 2)
    assert simulation.run() == 90
    assert simulation.started == [0, 1, 2, 3]


def test_a_limited_suite_begins_at_once_although_its_tests_are_short() -> None:
    facts = [fact(n, 30, "long") for n in range(40)] + [fact(40 + n, 10, "narrow") for n in range(40)]
    simulation = Simulation(facts, Limits({"narrow": 4}), 12)
    assert simulation.run() <= 200
    assert {facts[index].suite for index in simulation.started[:12]} == {"long", "narrow"}


@pytest.mark.parametrize("workers", [1, 12])
def test_a_realistic_run_wastes_little(workers: int) -> None:
    from harness.ginkgo.durations import shipped

    facts = [fact(n, seconds) for n, seconds in enumerate(shipped().values())]
    simulation = Simulation(facts, Limits(), workers)
    total = sum(item.expected for item in facts)
    assert simulation.run() <= max(total / workers, 598) * 1.05
