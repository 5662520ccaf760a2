"""What outlives a cell's resource groups, as lines of the ledger: any later process can still prove it gone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from harness.clouds.api import Cloud, Remembering, Watchable
from harness.clouds.memory import Marks
from harness.errors import HarnessError
from harness.runs.ledger import Ledger, tell
from harness.runs.state import RunState


def connect(cloud: Cloud, ledger: Ledger) -> None:
    """Have the cloud tell the run's watchers what it waits for, and remember in the run's ledger, as far as it does either."""
    if isinstance(cloud, Watchable):
        cloud.watch(partial(tell, ledger, ""))
    if isinstance(cloud, Remembering):
        cloud.remember_in(LedgerMemory(ledger))


class LedgerMemory:
    """Implements :class:`harness.clouds.memory.Memory`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def outliving(self, group: str) -> Sequence[str]:
        return tuple(str(line["path"]) for line in self._lines(group) if "path" in line)

    def remember(self, group: str, path: str) -> None:
        self._keep(group, path=path)

    def marks(self, group: str) -> Marks | None:
        found = [line for line in self._lines(group) if "principals" in line]
        return Marks(found[-1]["id"], found[-1]["tags"], frozenset(found[-1]["principals"])) if found else None

    def remember_marks(self, group: str, marks: Marks) -> None:
        self._keep(group, id=marks.group, tags=dict(marks.tags), principals=sorted(marks.principals))

    def _lines(self, group: str) -> Sequence[Any]:
        return RunState.of(self._ledger.read()).outliving.get(group, ())

    def _keep(self, group: str, **fields: Any) -> None:
        with suppress(HarnessError):  # a ledger that cannot be written must not stop a deletion
            self._ledger.append("outlives", group=group, **fields)
