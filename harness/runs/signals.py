"""The signals that ask a process to end, counted the way people mean them.

One stop may arrive several times: Jenkins signals every process of a build, a terminal its whole foreground group, and a supervisor
passes on what it got. So what comes within a second is one stop. The second stop means that somebody cannot wait.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SAME = 1.0


class Stops:
    """Signals that this process got, in order; handlers only note them, or raise ``KeyboardInterrupt`` while ``raising``."""

    def __init__(self, *, raising: bool = False) -> None:
        self.raising = raising
        self.first = ""
        """Name of the first one: ``SIGTERM``."""
        self.count = 0
        """Stops, repeats within a second left out."""
        self._last = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """Take over the three signals, SIGINT also where a shell made us ignore it; only the main thread can."""
        if current_thread() is main_thread() and not self._before:
            self._before = {number: signal.signal(number, self._note) for number in ENDING}

    def restore(self) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Take them over inside."""
        self.install()
        try:
            yield
        finally:
            self.restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.count or now - self._last >= _SAME:
            self.count += 1
        self._last = now
        self.first = self.first or signal.Signals(number).name
        if self.raising:
            raise KeyboardInterrupt(signal.Signals(number).name)
