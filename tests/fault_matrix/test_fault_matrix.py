"""A quick part of the fault matrix; ``bench/fault_matrix.py`` runs all of it.

One case for each fault, each at another call, so that every fault and nearly every call has its turn. What needs a long deadline
to show (work that is never done) is met once in a bring-up and once in a teardown.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.errors import Outcome

from .matrix import KILLED, KINDS, Call, Case, Kind, calls, cases, run
from .site import Site, in_process, in_thread

DEADLINE = 300.0
"""Seconds; nothing waits for it but what is never done, and a busy host."""
SHORT = 20.0
"""For what is never done: bring-up may take half of it."""


pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # the SDK drops the sockets of broken connections


@pytest.fixture(autouse=True)
def dropped() -> Iterator[None]:
    """Collect what the SDK dropped while it is ignored, and not in some other test."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@pytest.fixture(scope="module")
def clean(site: Site) -> Sequence[Call]:
    """The calls of a clean run, from the journal."""
    return calls(site, DEADLINE)[0]


def test_a_clean_run_is_in_the_journal(clean: Sequence[Call]) -> None:
    names = [call.name for call in clean]
    for name in ("PUT Microsoft.Resources/resourceGroups", "PUT Microsoft.Resources/deployments"):
        assert Call(name, 1, wire=True) in clean
    assert Call("PUT Microsoft.Compute/virtualMachines", 2, wire=False) in clean, (
        "what ARM itself asks for is a call too"
    )
    assert names.index("DELETE Microsoft.Resources/resourceGroups") > names.index("GET Microsoft.Resources/deployments")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name != "never"], ids=lambda kind: kind.name)
def test_one_fault(site: Site, clean: Sequence[Call], kind: Kind) -> None:
    found = list(cases(clean, [kind]))
    case = found[KINDS.index(kind) * 5 % len(found)]
    result = run(site, case, DEADLINE)
    assert not result.problem, f"{case}: {result.problem}"


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("PUT Microsoft.Compute/images", True),
        ("PUT Microsoft.Compute/virtualMachines", False),
        ("DELETE Microsoft.Network/loadBalancers", False),
    ],
)
def test_never_done(site: Site, name: str, wire: bool) -> None:
    [never] = [kind for kind in KINDS if kind.name == "never"]
    result = run(site, Case(Call(name, 1, wire), never), SHORT)
    assert result.met
    assert not result.problem, result.problem


@pytest.mark.parametrize("name", ["PUT Microsoft.Resources/resourceGroups", "POLL PUT Microsoft.Resources/deployments"])
def test_throttled_without_end(site: Site, name: str) -> None:
    """The wait that would pass the deadline is not begun."""
    throttled = Kind("throttled", frozenset({Outcome.THROTTLED}))
    result = run(site, Case(Call(name, 1, wire=True), throttled), SHORT, count=-1)
    assert not result.problem, result.problem


def test_a_teardown_that_is_throttled_without_end_is_a_leak_before_the_deadline(site: Site) -> None:
    throttled = Kind("throttled", frozenset({Outcome.LEAK}))
    case = Case(Call("DELETE Microsoft.Resources/resourceGroups", 1, wire=True), throttled)
    result = run(site, case, SHORT, count=-1, seconds=12)
    assert result.outcome is Outcome.LEAK, result.evidence
    assert result.seconds < result.deadline
    assert "left behind" in result.problem


def test_a_server_killed_in_the_middle(tmp_path: Path) -> None:
    with in_process(tmp_path) as site:
        for name in ("PUT Microsoft.Resources/deployments", "DELETE Microsoft.Resources/resourceGroups"):
            result = run(site, Case(Call(name, 1, wire=True), KILLED), DEADLINE)
            assert result.met
            assert not result.problem, f"{name}: {result.problem}"


def test_what_is_really_left_behind_is_found(site: Site) -> None:
    """A fault that never stops makes a leak, which the matrix has to see."""
    forever = Kind("AuthorizationFailed", frozenset({Outcome.CLOUD}))
    case = Case(Call("DELETE Microsoft.Resources/resourceGroups", 1, wire=True), forever)
    result = run(site, case, SHORT, count=-1)
    assert result.outcome is Outcome.LEAK
    assert "left behind" in result.problem
