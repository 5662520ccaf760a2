"""Whose a leftover is: by the namespaces that tests name, by names made of them, or by the time at which it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.clusters.leftovers.api import Leftover, Thing

_SLACK = 1.0
"""Creation times have whole seconds."""
_FEW = 3
"""As many candidates are named; more would say nothing."""


@dataclass(frozen=True)
class Ran:
    """A test that ran on the cluster."""

    nodeid: str
    started: float
    ended: float
    namespaces: frozenset[str]
    basenames: frozenset[str] = frozenset()
    """Of its namespaces (``e2e-framework`` label)."""


def attributed(thing: Thing, tests: Sequence[Ran], now: float) -> Leftover:
    """The leftover with the test it is of, where that can be told."""
    found, why = _whose(thing, tests)
    note = f"its deletion began {now - thing.deleting:.0f} s ago and has not ended" if thing.deleting else ""
    return Leftover(
        kind=thing.kind,
        name=thing.name,
        namespace=thing.namespace,
        created=thing.created,
        cloud=thing.cloud,
        note=note,
        tests=tuple(test.nodeid for test in found),
        why=why,
    )


def _whose(thing: Thing, tests: Sequence[Ran]) -> tuple[Sequence[Ran], str]:
    own = thing.name if thing.kind == "Namespace" else thing.namespace
    if by_namespace := [test for test in tests if own in test.namespaces]:
        return by_namespace[-1:], "it is the test's namespace" if own == thing.name else f"made for namespace {own}"
    for test in tests:
        for namespace in test.namespaces:
            if any(namespace in text for text in (thing.name, *thing.words)):
                return [test], f"its name or labels have the test's namespace {namespace}"
    if not thing.created:
        return (), "when it was made is not known"
    return _by_time(thing, [test for test in tests if _during(thing, test)])


def _during(thing: Thing, test: Ran) -> bool:
    return test.started - _SLACK <= thing.created <= test.ended + _SLACK


def _by_time(thing: Thing, then: Sequence[Ran]) -> tuple[Sequence[Ran], str]:
    if named := [test for test in then if thing.kind == "Namespace" and test.basenames & set(thing.words)]:
        then = named
    if not then:
        return (), "no test ran when it was made"
    if len(then) == 1:
        return then, "made while no other test ran that it could be of"
    if len(then) <= _FEW:
        return then, f"made while these {len(then)} tests ran"
    return (), f"made while {len(then)} tests ran"
