"""Progress as plain lines: what the ledger says, and every few seconds how many tests are done."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from harness.runs.folder import RunFolder
from harness.runs.ledger import Entry, Ledger

_EVERY = 15.0


class PlainProgress:
    """Call it often; it prints what is new."""

    def __init__(self, folder: RunFolder, say: Callable[[str], None], since: float = 0.0) -> None:
        """:param since: Unix time; older lines of the ledger are not shown."""
        self._since = since
        self._entries = Ledger(folder.ledger).follow(poll=0.0)
        self._results = folder.results
        self._say = say
        self._next = time.monotonic() + _EVERY
        self._told = ""

    def __call__(self) -> None:
        for entry in next(self._entries):
            if entry.at >= self._since and (line := _line(entry)):
                self._say(line)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            self._tests()

    def _tests(self) -> None:
        if not self._results.exists():
            return
        outcomes: Counter[str] = Counter()
        for line in self._results.read_text().splitlines():
            try:
                outcomes[json.loads(line)["outcome"]] += 1
            except (ValueError, KeyError):  # the last line, being written
                continue
        text = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        if text != self._told:
            self._told = text
            self._say(f"tests: {text}")


@contextmanager
def watching(folder: RunFolder, say: Callable[[str], None]) -> Iterator[None]:
    """Show progress in the background while this thread is busy inside."""
    progress, done = PlainProgress(folder, say, since=time.time()), Event()

    def show() -> None:
        while not done.wait(0.2):
            progress()

    thread = Thread(target=show, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        progress()


def _line(entry: Entry) -> str:
    cell = f"[{entry.cell}] " if entry.cell else ""
    match entry.kind:
        case "phase" if entry.text("state") == "started":
            return f"{cell}{entry.text('phase')} ..."
        case "phase":
            seconds = f" in {float(entry.fields.get('seconds', 0)):.1f} s" if entry.text("state") == "passed" else ""
            message = f": {entry.text('message')}" if entry.text("message") else ""
            return f"{cell}{entry.text('phase')} {entry.text('state')}{seconds}{message}"
        case "creating":
            return f"{cell}creating {entry.text('resource')} {entry.text('name')}"
        case "gone" | "kept":
            return f"{cell}{entry.text('name')} {entry.kind}"
        case "progress":
            return f"{cell}{entry.text('text')}"
    return ""
