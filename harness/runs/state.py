"""What a ledger amounts to: phases, resources that still exist, clusters, owners."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import (
    EXIT_CODES,
    AbortedError,
    BuildError,
    CloudError,
    DeployError,
    HarnessError,
    LeakError,
    Outcome,
    QuotaError,
    ThrottledError,
)
from harness.runs.deadline import MARGIN
from harness.runs.ledger import Entry
from harness.runs.processes import Owner


@dataclass(frozen=True)
class Resource:
    """Something the run was about to create."""

    kind: str
    """``resourceGroup``, mostly."""
    name: str
    cell: str
    cloud: str
    location: str
    created: float


@dataclass
class PhaseState:
    """The latest about one phase of one cell."""

    state: str
    at: float
    outcome: Outcome | None = None
    seconds: float = 0.0
    message: str = ""
    log_tail: str = ""

    def error(self) -> HarnessError:
        """The failure as other processes should raise it."""
        kind = _ERRORS.get(self.outcome or Outcome.HARNESS, HarnessError)
        return kind(self.message, log_tail=self.log_tail)


@dataclass
class RunState:
    """The fold over a ledger's lines."""

    started: float = 0.0
    ended: bool = False
    outcome: Outcome | None = None
    stopping: str = ""
    """The signal, or ``deadline``, by which the present session is being cut off; empty while it is not."""
    budget: tuple[float, float, float] | None = None
    """Start, end of tests and end of the present session; see :class:`harness.runs.deadline.Budget`."""
    expires: float = 0.0
    """Unix time after which a sweep may take what exists: the plan's or the present session's, then until when it was kept."""
    owners: list[Owner] = field(default_factory=list)
    phases: dict[tuple[str, str], PhaseState] = field(default_factory=dict)
    """(cell, phase) -> latest state."""
    clusters: dict[str, Path] = field(default_factory=dict)
    """cell -> cluster.json."""
    remaining: dict[tuple[str, str], Resource] = field(default_factory=dict)
    """(kind, name) -> what was announced and is not confirmed gone, kept ones included."""
    outliving: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    """Resource group -> lines about what outlives it; until the group is confirmed gone, and all that with it."""
    kept: dict[tuple[str, str], float] = field(default_factory=dict)
    """(kind, name) -> Unix time until which it was kept on purpose."""

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> RunState:
        state = cls()
        for entry in entries:
            state.add(entry)
        return state

    def add(self, entry: Entry) -> None:
        """Take one more line into account."""
        key = (entry.text("resource"), entry.text("name"))
        match entry.kind:
            case "run":
                self._run(entry)
            case "phase":
                self._phase(entry)
            case "plan":
                self.expires = max(self.expires, float(entry.fields.get("plan", {}).get("expires", 0.0)))
            case "budget":
                self.budget = (
                    float(entry.fields["started"]),
                    float(entry.fields["tests_end"]),
                    float(entry.fields["end"]),
                )
                self.expires = max(self.expires, self.budget[2] + MARGIN)
            case "stopping":
                self.stopping = self.stopping or entry.text("signal") or "a signal"
            case "creating":
                cloud, location = entry.text("cloud"), entry.text("location")
                self.remaining[key] = Resource(*key, entry.cell, cloud, location, entry.at)
                self.kept.pop(key, None)
            case "gone":
                self.remaining.pop(key, None)
                self.kept.pop(key, None)
                self.outliving.pop(key[1], None)
                if not any(resource.cell == entry.cell for resource in self.remaining.values()):
                    self.clusters.pop(entry.cell, None)
            case "outlives":
                self.outliving.setdefault(entry.text("group"), []).append(entry.fields)
            case "kept":
                self.kept[key] = float(entry.fields.get("until", 0.0))
                self.expires = max(self.kept.values())
            case "cluster":
                self.clusters[entry.cell] = Path(entry.text("path"))

    def _run(self, entry: Entry) -> None:
        known = ("pid_started", "role", "host", "pid_namespace")
        owner = Owner(int(entry.fields.get("pid", 0)), *map(entry.text, known))
        if entry.text("state") == "started":
            self.started = self.started or entry.at
            if not self.owners:  # a new session on clusters that were kept
                self.stopping, self.budget = "", None
            self.ended = False
            if entry.fields.get("resumed"):
                self.phases = {key: phase for key, phase in self.phases.items() if phase.state == "passed"}
            self.owners.append(owner)
            return
        self.owners = [known for known in self.owners if known != owner]
        self.ended = not self.owners
        self.outcome = Outcome(entry.text("outcome") or Outcome.PASSED)

    def _phase(self, entry: Entry) -> None:
        outcome = entry.text("outcome")
        self.phases[entry.cell, entry.text("phase")] = PhaseState(
            entry.text("state"),
            entry.at,
            Outcome(outcome) if outcome else None,
            float(entry.fields.get("seconds", 0.0)),
            entry.text("message"),
            entry.text("log_tail"),
        )

    @property
    def abandoned(self) -> dict[tuple[str, str], Resource]:
        """What exists and was not kept on purpose."""
        return {key: resource for key, resource in self.remaining.items() if key not in self.kept}

    def names(self) -> set[str]:
        """Names of what exists, kept or not."""
        return {name for _, name in self.remaining}

    def live_owners(self, now: float | None = None) -> list[Owner]:
        """Processes other than this one that still work on the run, first comer first.

        One that cannot be seen from here counts until the run's groups expire; a session moves their expiry beyond its own end.

        :param now: Unix time.
        """
        this, now = Owner.this(), time.time() if now is None else now
        needed = now < self.expires
        return [owner for owner in self.owners if owner != this and (owner.alive or (owner.foreign and needed))]

    def failure(self, cell: str) -> PhaseState | None:
        """The phase that kept a cell (or the whole run) from coming up, if one did."""
        for (name, phase), state in self.phases.items():
            if name in (cell, "") and phase in _BEFORE_TESTS and state.state in ("failed", "skipped"):
                return state
        return None


_BEFORE_TESTS = ("plan", "build", "up", "readiness")

_ERRORS: dict[Outcome, type[HarnessError]] = {
    kind.outcome: kind
    for kind in (BuildError, DeployError, QuotaError, ThrottledError, CloudError, AbortedError, LeakError)
}

_ORDER = (
    Outcome.LEAK,
    Outcome.HARNESS,
    Outcome.ABORTED,
    Outcome.QUOTA,
    Outcome.THROTTLED,
    Outcome.CLOUD,
    Outcome.DEPLOY,
    Outcome.BUILD,
    Outcome.FAILED,
    Outcome.FLAKY,
    Outcome.PASSED,
    Outcome.SKIPPED,
)
"""Worst first. Skipped comes last: it only decides when nothing else ran."""


def worst_first(outcome: Outcome) -> int:
    """Sorting key: the worst outcome first."""
    return _ORDER.index(outcome)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that decides the exit code; SKIPPED ("nothing ran") for none at all."""
    return min(outcomes, key=worst_first, default=Outcome.SKIPPED)


def exit_code(outcomes: Iterable[Outcome]) -> int:
    return EXIT_CODES[worst(outcomes)]
