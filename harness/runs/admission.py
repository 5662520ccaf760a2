"""Which cells may be up at the same time: as many as the quotas of their locations carry, and as were asked for; the others wait for room.

A cell and its further clusters come in together, since its tests need all of them. Whoever cannot come in where it was planned goes to
the first ``--failover-location`` with room; without one it waits for a cell of this run to leave, and if none is there that could,
it is refused before anything is created. Room is what the cloud said before the first create, less what this run took since.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.clouds import codes
from harness.clouds.api import Cloud, Surveyor
from harness.clouds.room import Demand, Room
from harness.errors import AbortedError, QuotaError, UsageError
from harness.runs.api import Plan
from harness.settings import Settings

_POLL = 0.2
_TOLD = 30.0
"""Seconds between lines of one who waits."""

Rooms = Mapping[str, Room]
"""By location."""


def check_locations(settings: Settings, plan: Plan, known: Sequence[str]) -> None:
    """Raise ``UsageError`` for a location that the cloud does not have."""
    asked = [("--location", cell.location) for cell in plan.cells]
    asked += [("--failover-location", location) for location in settings.failover_location]
    for flag, location in asked:
        if location not in known:
            raise UsageError(
                f"{flag} {location!r} is unknown to cloud {plan.cloud}", hint=f"there are: {', '.join(sorted(known))}"
            )


def survey(cloud: Cloud, locations: Iterable[str], size: str) -> Rooms:
    """Ask the cloud about each location; nothing of a cloud that cannot say.

    :raises UsageError: for a size of machines that none of them knows.
    """
    if not isinstance(cloud, Surveyor):
        return {}
    rooms = {location: cloud.survey(location, size) for location in dict.fromkeys(locations)}
    if rooms and not any(room.offered for room in rooms.values()):
        raise UsageError(
            f"--vm-size {size!r} is offered in none of: {', '.join(rooms)}",
            hint=f"az vm list-sizes --location {next(iter(rooms))} lists them",
        )
    return rooms


class Admission:
    """The cells of one run, let in in the order of the plan; used by many threads.

    :param most: cells at the same time, those not counted that are going to stay; 0: any number.
    """

    def __init__(self, rooms: Rooms, failover: Sequence[str], most: int = 0) -> None:
        self._most = most
        self._rooms = dict(rooms)
        self._failover = tuple(failover)
        self._inside: dict[str, tuple[str, Demand]] = {}
        """Cell -> where it is and what it takes there."""
        self._waiting: list[str] = []
        self._settled = False
        self._staying: set[str] = set()
        self._changed = threading.Condition()

    def place(self, cell: str, location: str, demand: Demand) -> str:
        """Let in at once and return where, or put at the end of the queue and return an empty text.

        :raises QuotaError: when it will never fit, whoever of this run leaves.
        """
        with self._changed:
            possible = [place for place in (location, *self._failover) if not self._never(place, demand)]
            if not possible:
                raise QuotaError(
                    f"find room for {cell}",
                    last_seen="; ".join(self._never(place, demand) for place in (location, *self._failover)),
                    hint=codes.QUOTA.hint,
                    remedy=codes.QUOTA.remedy,
                )
            if not self._waiting and (found := self._first(possible, demand)):
                self._inside[cell] = (found, demand)
                return found
            self._waiting.append(cell)
            return ""

    def await_turn(
        self, cell: str, location: str, demand: Demand, cut: threading.Event, tell: Callable[[str], None]
    ) -> str:
        """Wait until it is this cell's turn and there is room; returns where. Each of its clusters may wait.

        :raises AbortedError: when the run is cut off meanwhile.
        :raises QuotaError: when nobody is there any more who is going to leave.
        """
        told = -_TOLD
        while not cut.is_set():
            with self._changed:
                if cell in self._inside:
                    return self._inside[cell][0]
                turn = self._waiting[:1] == [cell]
                found = self._first((location, *self._failover), demand) if turn else ""
                if found:
                    self._waiting.remove(cell)
                    self._inside[cell] = (found, demand)
                    self._changed.notify_all()
                    return found
                lacking = self._lacks(location, demand) or self._before(location)
                if self._hopeless(cell, turn):
                    self._forget(cell)
                    attempted = f"find room for {cell} beside the others"
                    raise QuotaError(attempted, last_seen=lacking, hint=codes.QUOTA.hint)
                self._changed.wait(_POLL)
            if time.monotonic() - told >= _TOLD:
                told = time.monotonic()
                tell(f"waiting for room: {lacking}")
        with self._changed:
            self._forget(cell)
        raise AbortedError(f"find room for {cell}", last_seen="the run ended before a cell that holds the room left")

    def settle(self) -> None:
        """Nobody of this run is going to leave: whoever waits is refused."""
        with self._changed:
            self._settled = True
            self._changed.notify_all()

    def stay(self, cell: str) -> None:
        """The cell is not going to leave: it is kept, or cannot be taken down."""
        with self._changed:
            self._staying.add(cell)
            self._changed.notify_all()

    def leave(self, cell: str) -> None:
        """The cell is down."""
        with self._changed:
            self._inside.pop(cell, None)
            self._changed.notify_all()

    def moved(self, cell: str, location: str) -> None:
        """The cell gave up where it was and is now there."""
        with self._changed:
            if cell in self._inside:
                self._inside[cell] = (location, self._inside[cell][1])
            self._changed.notify_all()

    def alternatives(self, cell: str) -> tuple[str, ...]:
        """Locations that the cell may go to now."""
        with self._changed:
            demand = self._inside[cell][1] if cell in self._inside else Demand(0, 0)
            return tuple(place for place in self._failover if not self._lacks(place, demand))

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for room."""
        with self._changed:
            return bool(self._waiting)

    def admitted(self, cell: str) -> bool:
        """Whether it is not in the queue."""
        with self._changed:
            return cell not in self._waiting

    def lacks(self, location: str, demand: Demand) -> str:
        """What is missing there now, in numbers."""
        with self._changed:
            return self._lacks(location, demand)

    @property
    def _full(self) -> bool:
        """Whether nobody may come in before somebody leaves, whatever room there is."""
        return bool(self._most) and not self._settled and len(self._inside.keys() - self._staying) >= self._most

    def _before(self, location: str) -> str:
        return (
            f"{self._most} cells are up, as many as may be" if self._full else f"others wait for {location} before it"
        )

    def _hopeless(self, cell: str, turn: bool) -> bool:
        """Whether waiting is in vain; the others of the cell's clusters may have found out first."""
        return cell not in self._waiting or (turn and (self._settled or self._inside.keys() <= self._staying))

    def _forget(self, cell: str) -> None:
        self._waiting = [name for name in self._waiting if name != cell]

    def _first(self, places: Sequence[str], demand: Demand) -> str:
        return next((place for place in places if not self._full and not self._lacks(place, demand)), "")

    def _lacks(self, location: str, demand: Demand) -> str:
        """What is missing now; empty if it fits, or if the cloud does not say."""
        room = self._rooms.get(location)
        if room is None:
            return ""
        for place, taken in self._inside.values():
            room = room.without(taken) if place == location else room
        return room.lacks(demand)

    def _never(self, location: str, demand: Demand) -> str:
        """What would be missing if nobody of this run were there."""
        room = self._rooms.get(location)
        return room.lacks(demand) if room else ""
