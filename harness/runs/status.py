"""What exists, who holds it, when it expires, and the command that removes it: read from the ledgers, without asking any cloud."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.runs.api import Phase
from harness.runs.folder import RunFolder
from harness.runs.holdings import Holding, holdings
from harness.runs.ledger import Ledger
from harness.runs.plan import load_plan
from harness.runs.processes import Owner
from harness.runs.state import Resource, RunState


@dataclass(frozen=True)
class RunStatus:
    """One run as its ledger tells it."""

    run: str
    folder: RunFolder
    cloud: str
    """Empty if it cannot be known."""
    state: RunState
    owners: tuple[Owner, ...] = ()
    """Living processes that work on it, first comer first."""
    expires: float = 0.0
    """Unix time."""
    leases: tuple[Holding, ...] = ()
    problem: str = ""
    """Why its ledger or plan cannot be read; nothing of such a run is touched."""

    @property
    def resources(self) -> list[Resource]:
        return list(self.state.remaining.values())

    @property
    def what(self) -> str:
        """unreadable, running, stopping, kept, abandoned or gone."""
        if self.problem:
            return "unreadable"
        if self.owners:
            return "stopping" if self.state.stopping else "running"
        if self.state.abandoned:
            return "abandoned"
        return "kept" if self.state.remaining else "gone"

    def overdue(self, now: float) -> bool:
        """Whether ``sweep`` may remove what it made: nobody works on it, and nobody kept it, or not until now."""
        if self.problem or self.owners:
            return False
        return bool(self.state.abandoned or (self.state.remaining and now >= self.expires))

    @property
    def unfinished(self) -> bool:
        """Whether its processes died before they had written its end and its reports."""
        report = self.state.phases.get(("", Phase.REPORT))
        died = bool(self.state.owners) or (report is not None and report.state == "started")
        return died and not self.owners and not self.problem


def status_of(folder: RunFolder, now: float | None = None) -> RunStatus:
    """Status of one run; raises ``HarnessError`` if its ledger or plan cannot be read.

    :param now: Unix time, for owners that count only until the run expires.
    """
    _, plan = load_plan(folder)
    state = RunState.of(Ledger(folder.ledger).read())
    leases = [holding for cell in plan.cells for holding in holdings(folder.cell(cell.name).leases)]
    expires = max(plan.expires, state.expires)
    return RunStatus(plan.run, folder, plan.cloud, state, tuple(state.live_owners(now)), expires, tuple(leases))


def status(reports: Path, now: float | None = None) -> list[RunStatus]:
    """Every run, oldest first; one that cannot be read says so and hides no other."""
    found = []
    for folder in RunFolder.all(reports):
        try:
            found.append(status_of(folder, now))
        except HarnessError as error:
            found.append(RunStatus(folder.path.name, folder, "", RunState(), problem=str(error)))
    return found
