"""Phases and progress of a run as plain lines in pytest's own output, for who runs ``pytest suites/`` by hand."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Event, Thread

from harness.runs.ledger import Entry, Ledger


class Console:
    """The standard output that pytest started with: while a test runs, what pytest itself would write goes into the test's capture."""

    def __init__(self, within_line: Callable[[], bool]) -> None:
        self._file = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", buffering=1)
        self._within_line = within_line

    def write(self, text: str) -> None:
        """One line of its own, also between the dots of pytest's progress."""
        self._file.write(f"\n{text}\n" if self._within_line() else f"{text}\n")


class LedgerLines:
    """Follows a ledger in the background until it is closed."""

    def __init__(self, ledger: Ledger, write: Callable[[str], None], since: float) -> None:
        self._ledger = ledger
        self._write = write
        self._since = since
        self._stop = Event()
        self._thread = Thread(target=self._follow, name="ledger-lines", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Print what is there by now, and stop."""
        self._stop.set()
        self._thread.join(5.0)

    def _follow(self) -> None:
        for entries in self._ledger.follow():
            stop = self._stop.is_set()
            for entry in entries:
                if entry.at >= self._since and (text := line_of(entry)):
                    self._write(text)
            if stop:
                return


def line_of(entry: Entry) -> str:
    """One line for a person, or nothing: time, cell, what happens."""
    match entry.kind:
        case "progress":
            text = entry.text("text")
        case "phase" if entry.text("state") == "passed":
            text = f"{entry.text('phase')} passed in {float(entry.fields.get('seconds', 0.0)):.1f} s"
        case "phase" if entry.text("state") in ("failed", "skipped"):
            text = f"{entry.text('phase')} {entry.text('state')}: {entry.text('message')}"
        case "kept":
            text = f"kept {entry.text('resource')} {entry.text('name')}"
        case _:
            return ""
    return f"{time.strftime('%H:%M:%S', time.localtime(entry.at))} {entry.cell or 'run'}: {text}"
