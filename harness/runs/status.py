"""What exists, who holds it, when it expires, and the command that removes it: read from the ledgers, without asking any cloud."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.plan import load_plan
from harness.runs.state import Resource, RunState


@dataclass(frozen=True)
class RunStatus:
    """One run as its ledger tells it."""

    run: str
    folder: RunFolder
    cloud: str
    state: RunState
    holder: int
    """Process that works on it; 0 for none."""
    expires: float
    """Unix time."""

    @property
    def resources(self) -> list[Resource]:
        return list(self.state.remaining.values())

    @property
    def what(self) -> str:
        """running, kept, abandoned or gone."""
        if self.holder:
            return "running"
        if self.state.abandoned:
            return "abandoned"
        return "kept" if self.state.remaining else "gone"

    def overdue(self, now: float) -> bool:
        """Whether ``sweep`` may remove it: nobody works on it, and nobody kept it, or not until now."""
        until = max([self.expires, *self.state.kept.values()], default=self.expires)
        return not self.holder and bool(self.state.abandoned or (self.state.remaining and now >= until))


def status_of(folder: RunFolder) -> RunStatus:
    """Status of one run."""
    _, plan = load_plan(folder)
    state = RunState.of(Ledger(folder.ledger).read())
    owners = state.live_owners()
    return RunStatus(plan.run, folder, plan.cloud, state, owners[0].pid if owners else 0, plan.expires)


def status(reports: Path) -> list[RunStatus]:
    """Every run, oldest first."""
    return [status_of(folder) for folder in RunFolder.all(reports)]
