"""A cell that makes room for others has to be let go by the workers first: they hold clients, processes and pods of its clusters.

xdist carries nothing but whole numbers to workers, and says when one is done with a number, so a farewell is a negative one. A worker
takes it between two tests.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol


class Listener(Protocol):
    """What is used of xdist's ``WorkerController``."""

    @property
    def shutting_down(self) -> bool: ...

    def send_runtest_some(self, indices: Sequence[int]) -> None: ...


def farewell(cell: int) -> int:
    """What a worker is told about the cell of this number."""
    return -1 - cell


def farewell_of(number: int) -> int | None:
    """Number of the cell that is to be let go; None for a test."""
    return -1 - number if number < 0 else None


class Farewells:
    """Who has met which cell, and who has not let go yet of one that is to be taken down.

    :param cells: names, in the order of their numbers.
    """

    def __init__(self, cells: Sequence[str]) -> None:
        self._cells = list(cells)
        self._met: dict[Listener, set[str]] = {}
        self._holding: dict[str, set[Listener]] = {}

    def meet(self, worker: Listener, cell: str) -> None:
        """The worker gets a test of this cell."""
        self._met.setdefault(worker, set()).add(cell)

    def say(self, cell: str, workers: Collection[Listener]) -> list[str]:
        """Tell all that have met it, but for one that is leaving: it lets go by itself. The cell, if nobody holds anything of it."""
        holding = {worker for worker in workers if cell in self._met.get(worker, ())}
        for worker in holding:
            if not worker.shutting_down:
                worker.send_runtest_some([farewell(self._cells.index(cell))])
        if holding:
            self._holding[cell] = holding
        return [] if holding else [cell]

    def hear(self, worker: Listener, number: int) -> list[str]:
        """The worker has let go of the cell of this number; the cells of which nobody holds anything any more."""
        cell = self._cells[number]
        self._met.get(worker, set()).discard(cell)
        return self._let_go(worker, [cell])

    def forget(self, worker: Listener) -> list[str]:
        """The worker is gone; the cells of which nobody holds anything any more."""
        self._met.pop(worker, None)
        return self._let_go(worker, list(self._holding))

    @property
    def outstanding(self) -> bool:
        """Whether somebody still has to let go."""
        return bool(self._holding)

    def _let_go(self, worker: Listener, cells: Sequence[str]) -> list[str]:
        free = []
        for cell in cells:
            self._holding[cell].discard(worker)
            if not self._holding[cell]:
                del self._holding[cell]
                free.append(cell)
        return free
