"""Long and short tests side by side all the time, and still done as soon as by the longest first."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.plugin.order import Order


def run(expected: Sequence[float], workers: int) -> tuple[float, list[tuple[float, int]]]:
    """Seconds until all is done, and what started when."""
    order = Order(dict(enumerate(expected)), workers)
    pending, running, started, now = list(range(len(expected))), [0.0] * workers, [], 0.0
    while pending:
        now = heapq.heappop(running)
        chosen = min(pending, key=order.rank(pending, lambda index: expected[index]))
        pending.remove(chosen)
        started.append((now, chosen))
        heapq.heappush(running, now + expected[chosen])
    return max(running), started


def longest_first(expected: Sequence[float], workers: int) -> float:
    running = [0.0] * workers
    for seconds in sorted(expected, reverse=True):
        heapq.heapreplace(running, running[0] + seconds)
    return max(running)


def like_conformance(seed: int) -> list[float]:
    """Most tests take seconds, some minutes."""
    chance = random.Random(seed)
    return [chance.lognormvariate(2.0, 1.1) for _ in range(400)] + [300.0] * 4 + [90.0] * 10


@pytest.mark.parametrize("seed", range(5))
def test_it_takes_no_longer_than_longest_first(seed: int) -> None:
    expected = like_conformance(seed)
    assert run(expected, 12)[0] <= 1.02 * longest_first(expected, 12)


@pytest.mark.parametrize("seed", range(5))
def test_short_tests_are_spread_over_the_whole_time(seed: int) -> None:
    expected = like_conformance(seed)
    wall, started = run(expected, 12)
    for part in range(4):
        here = [at for at, _ in started if part * wall / 4 <= at < (part + 1) * wall / 4]
        assert 0.1 < len(here) / len(expected) < 0.5


@settings(max_examples=200)
@given(st.lists(st.floats(0, 500), min_size=1, max_size=60), st.integers(1, 15))
def test_whatever_there_is_runs_once_and_near_the_bound(expected: list[float], workers: int) -> None:
    wall, started = run(expected, workers)
    assert sorted(index for _, index in started) == list(range(len(expected)))
    assert wall <= sum(expected) / workers + max(expected) + 1e-6


def test_what_only_a_chain_can_run_comes_early() -> None:
    """A test is as urgent as what waits behind it under the same limit."""
    expected = [10.0] * 40
    order = Order(dict(enumerate(expected)), 4)
    rank: Callable[[int], tuple[float, float]] = order.rank(range(40), lambda index: 90.0 if index == 33 else 10.0)
    assert min(range(40), key=rank) == 33
