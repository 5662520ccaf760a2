"""Which resource comes before which, and an order that respects it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from harness.localazure.templates.api import TemplateError
from harness.localazure.templates.context import Declared, Names


class Index:
    """The resources of a template by everything that may stand for them, without regard to case."""

    def __init__(self, declared: Iterable[Declared], loops: Iterable[str], outer: Names | None = None) -> None:
        """
        :param loops: names of the resource loops, those without turns included.
        :param outer: where to look next, for a nested template that is evaluated in its parent's scope.
        """
        self._found: dict[str, list[Declared]] = defaultdict(list)
        self._loops = frozenset(loop.lower() for loop in loops)
        self._outer = outer
        for each in declared:
            for alias in {alias.lower() for alias in _aliases(each)}:
                self._found[alias].append(each)

    def find(self, text: str) -> Sequence[Declared]:
        """See :class:`Names`. A condition may choose between two declarations of one resource: the deployed one is meant."""
        found = self._found.get(text.rstrip("/").lower(), [])
        if not found and self._outer is not None:
            return self._outer.find(text)
        if len(found) > 1 and len({each.id.lower() for each in found}) == 1:
            return [next((each for each in found if each.deployed), found[0])]
        return found

    def is_loop(self, text: str) -> bool:
        return text.lower() in self._loops or (self._outer is not None and self._outer.is_loop(text))


def _aliases(each: Declared) -> Iterable[str]:
    """Full id; ``type/name``; then the symbolic name where there is one, the plain name otherwise; and the loop."""
    yield each.id
    if "/providers/" in each.id:
        yield each.id.rpartition("/providers/")[2]
    elif "/resourceGroups/" in each.id:
        subscription, _, group = each.id.partition("/resourceGroups/")
        yield f"{subscription}/providers/Microsoft.Resources/resourceGroups/{group}"
    if each.symbol:
        yield each.symbol
        yield each.symbol.partition("[")[0]
    else:
        yield each.name
    if each.loop:
        yield each.loop


def order(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """The keys, each after everything it depends on, otherwise as they come; raises :class:`TemplateError` for a circle."""
    position = {key: at for at, key in enumerate(edges)}
    sorter = TopologicalSorter(edges)
    try:
        sorter.prepare()
    except CycleError as error:
        circle: list[str] = list(reversed(error.args[1]))
        raise TemplateError(
            f"resources depend on each other in a circle: {' -> '.join(circle)}", path="$.resources"
        ) from error
    ordered: list[str] = []
    ready: list[tuple[int, str]] = []
    while sorter.is_active():
        for key in sorter.get_ready():
            heapq.heappush(ready, (position[key], key))
        _, key = heapq.heappop(ready)
        ordered.append(key)
        sorter.done(key)
    return ordered
