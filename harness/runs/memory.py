"""What outlives a cell's resource groups, as lines of the ledger: any later process can still prove it gone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from harness.errors import HarnessError
from harness.runs.ledger import Ledger
from harness.runs.state import RunState


class LedgerMemory:
    """Implements :class:`harness.clouds.api.Memory`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def outliving(self, group: str) -> Sequence[str]:
        return tuple(RunState.of(self._ledger.read()).outliving.get(group, ()))

    def remember(self, group: str, path: str) -> None:
        with suppress(HarnessError):  # a ledger that cannot be written must not stop a deletion
            self._ledger.append("outlives", group=group, path=path)
