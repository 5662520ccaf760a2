"""Phases as lines of the ledger: started, then passed, failed or skipped, with outcome, seconds and the evidence."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from harness.errors import AbortedError, HarnessError, Outcome
from harness.runs.api import Phase
from harness.runs.ledger import Ledger


@contextmanager
def recorded(ledger: Ledger, cell: str, phase: Phase) -> Iterator[None]:
    """Record what runs inside as one phase; its error is recorded and raised on."""
    started = time.monotonic()
    ledger.append("phase", cell, phase=phase, state="started")
    try:
        yield
    except BaseException as error:
        record_failure(ledger, cell, phase, error, time.monotonic() - started)
        raise
    seconds = time.monotonic() - started
    ledger.append("phase", cell, phase=phase, state="passed", outcome=Outcome.PASSED, seconds=seconds)


def record_failure(ledger: Ledger, cell: str, phase: Phase, error: BaseException, seconds: float = 0.0) -> None:
    """The line of a phase that failed with this error."""
    known = error if isinstance(error, HarnessError) else None
    ledger.append(
        "phase",
        cell,
        phase=phase,
        state="failed",
        outcome=outcome_of(error),
        code=known.code if known else "",
        seconds=seconds,
        message=str(known) if known else f"{type(error).__name__}: {error}".rstrip(": "),
        log_tail=known.log_tail if known else "".join(traceback.format_exception(error)[-6:]),
    )


def record_skip(ledger: Ledger, cell: str, phase: Phase, message: str) -> None:
    """The line of a phase that was not entered."""
    ledger.append("phase", cell, phase=phase, state="skipped", outcome=Outcome.SKIPPED, seconds=0.0, message=message)


def outcome_of(error: BaseException) -> Outcome:
    """Class of an error; whatever is not of our tree is a defect of ours, or a signal."""
    if isinstance(error, HarnessError):
        return error.outcome
    return Outcome.HARNESS if isinstance(error, Exception) else Outcome.ABORTED


class CellRecorder:
    """What a deployer reports through while it brings one cell up; implements ``harness.deployers.api.Recorder``."""

    def __init__(self, ledger: Ledger, cell: str, cloud: str, location: str, cut: Event) -> None:
        self._ledger = ledger
        self._cell = cell
        self._facts = {"cloud": cloud, "location": location}
        self._cut = cut
        self._phase = Phase.UP
        self._since = time.monotonic()
        ledger.append("phase", cell, phase=Phase.UP, state="started")

    def creating(self, kind: str, name: str, **facts: Any) -> None:
        self._stop_if_cut(f"create {kind} {name}")
        self._ledger.append("creating", self._cell, resource=kind, name=name, **self._facts | facts)

    def progress(self, text: str) -> None:
        self._stop_if_cut("bring the cluster up")
        self._ledger.append("progress", self._cell, text=text)

    def moved(self, error: HarnessError, target: str, group: str) -> None:
        """This failure sends the cell to another location, or to the same one again; the phase goes on."""
        self._stop_if_cut(f"try {group} in {target}")
        source, self._facts["location"] = self._facts["location"], target
        self._ledger.append(
            "moved",
            self._cell,
            source=source,
            target=target,
            group=group,
            code=error.code,
            outcome=error.outcome,
            message=str(error),
        )
        self.progress(f"{error.code or error.outcome} in {source}: trying again in {target} as {group}")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Pass the current phase and begin this one; it ends with :meth:`passed` or :meth:`failed`, as ``up`` does."""
        self.passed()
        self._phase, self._since = Phase(name), time.monotonic()
        self._ledger.append("phase", self._cell, phase=self._phase, state="started")
        yield

    def passed(self) -> None:
        """The current phase is over and well."""
        seconds = time.monotonic() - self._since
        self._ledger.append(
            "phase", self._cell, phase=self._phase, state="passed", outcome=Outcome.PASSED, seconds=seconds
        )

    def failed(self, error: BaseException) -> None:
        """The current phase is over with this error."""
        record_failure(self._ledger, self._cell, self._phase, error, time.monotonic() - self._since)

    def _stop_if_cut(self, attempted: str) -> None:
        if self._cut.is_set():
            raise AbortedError(attempted, last_seen="the run is being cut off")
