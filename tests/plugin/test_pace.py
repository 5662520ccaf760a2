"""Fewer tests at a time while the cluster is hard-pressed, more again when it is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.clusters.pressure import Pressure, complaints
from harness.plugin.pace import Pace

SLOW, FAST, BETWEEN = Pressure(2.0, ()), Pressure(0.01, ()), Pressure(1.0, ())


def test_one_hiccup_changes_nothing() -> None:
    pace = Pace(12)
    assert not any(pace.take(look) for look in (SLOW, SLOW, FAST, SLOW, BETWEEN, SLOW, SLOW))
    assert pace.now == 12


def test_it_falls_by_a_third_and_rises_by_one() -> None:
    pace = Pace(12)
    changes = [pace.take(look) for look in [SLOW] * 3 + [FAST] * 6]
    assert changes == [False, False, True, False, False, True, False, False, True]
    assert pace.now == 10


def test_a_node_under_pressure_counts_as_slow() -> None:
    pace = Pace(6)
    for _ in range(3):
        pace.take(Pressure(0.01, ("w-1: MemoryPressure",)))
    assert pace.now == 4


@given(st.integers(1, 64), st.lists(st.sampled_from([SLOW, FAST, BETWEEN]), max_size=200))
def test_it_stays_within_its_bounds(most: int, looks: list[Pressure]) -> None:
    pace = Pace(most)
    for look in looks:
        pace.take(look)
        assert min(2, most) <= pace.now <= most


def test_only_pressure_is_a_complaint() -> None:
    conditions = [
        {"type": "Ready", "status": "False"},
        {"type": "MemoryPressure", "status": "False"},
        {"type": "DiskPressure", "status": "True"},
    ]
    node = {"metadata": {"name": "w-1"}, "status": {"conditions": conditions}}
    assert list(complaints([node, {"metadata": {"name": "w-2"}}])) == ["w-1: DiskPressure"]
