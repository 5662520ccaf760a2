"""How many tests a cluster carries at the same time: as many as allowed, fewer while it is hard-pressed.

Additive increase, multiplicative decrease, as TCP does it: a number that is right for every host and every mix of specs cannot be
known beforehand, and one that is too high turns time-outs of the cluster into failed specs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event, Thread

from harness.clusters.api import Cluster
from harness.clusters.kube import open_client
from harness.clusters.pressure import Pressure, measure
from harness.plugin.lanes import Lane
from harness.runs.ledger import Ledger

_EVERY = 2.0
_SLOW, _FAST = 1.5, 0.5
"""Seconds of an answer."""
_CALM = 3
"""Looks in a row that have to agree, for more as for fewer, so that one hiccup changes nothing."""
_LEAST = 2


class Pace:
    """The number for one cluster; :meth:`take` follows what is measured."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = most
        self._run = 0
        """Fast looks in a row, or slow ones when negative."""

    def take(self, pressure: Pressure) -> bool:
        """Take one look into account; whether the number has changed."""
        if pressure.complaints or pressure.seconds > _SLOW:
            self._run = min(0, self._run) - 1
        elif pressure.seconds < _FAST:
            self._run = max(0, self._run) + 1
        else:
            self._run = 0
        if abs(self._run) < _CALM:
            return False
        before, wanted = self.now, self.now * 2 // 3 if self._run < 0 else self.now + 1
        self.now = max(min(_LEAST, self.most), min(self.most, wanted))
        self._run = 0
        return self.now != before


class Paces:
    """One pace for each cluster of a run, measured in the background from the moment it is up until :meth:`close`.

    :param most: tests at the same time on one cluster at most.
    :param name: a lane's cluster, as the ledger calls it.
    """

    def __init__(self, ledger: Ledger, most: int, name: Callable[[Lane], str]) -> None:
        self._ledger = ledger
        self._most = most
        self._name = name
        self._paces: dict[str, Pace] = {}
        self._stop = Event()
        self._thread = Thread(target=self._follow, name="pace", daemon=True)
        self._thread.start()

    def capacity(self, lane: Lane) -> int:
        """How many tests may run on this lane's cluster now."""
        pace = self._paces.get(self._name(lane))
        return pace.now if pace else self._most

    def close(self) -> None:
        self._stop.set()
        self._thread.join(_EVERY)

    def _follow(self) -> None:
        try:
            self._measure_all()
        except Exception as error:  # tests go on without it
            self._ledger.append("progress", text=f"the clusters' pressure is not measured any more: {error}")

    def _measure_all(self) -> None:
        with ExitStack() as clients:
            opened = {}
            for name, path in self._clusters():
                if name not in opened:
                    opened[name] = clients.enter_context(closing(open_client(Cluster.load(path).kubeconfig)))
                    self._paces[name] = Pace(self._most)
                pressure = measure(opened[name])
                if not self._stop.is_set() and self._paces[name].take(pressure):
                    self._tell(name, pressure)

    def _clusters(self) -> Iterator[tuple[str, Path]]:
        """Every cluster that is up, again and again."""
        up: dict[str, Path] = {}
        for entries in self._ledger.follow(_EVERY):
            for entry in entries:
                if entry.kind == "cluster":
                    up[entry.cell] = Path(entry.text("path"))
                elif entry.kind == "phase" and entry.text("phase") in ("collect", "down"):
                    up.pop(entry.cell, None)
            if self._stop.is_set():
                return
            yield from up.items()

    def _tell(self, name: str, pressure: Pressure) -> None:
        why = pressure.complaints[0] if pressure.complaints else f"the API server answers in {pressure.seconds:.1f} s"
        self._ledger.append("progress", name, text=f"{self._paces[name].now} of {self._most} tests at a time: {why}")
