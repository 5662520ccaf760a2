"""What a person sees of a command while it works: progress in the background, and single lines between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from rich.console import Console
from rich.text import Text

from harness.reporting.live import Progress
from harness.runs.folder import RunFolder


class Screen:
    """Standard output, or standard error for commands whose output is for other programs."""

    def __init__(self, *, stderr: bool = False) -> None:
        self.console = Console(stderr=stderr, highlight=False)

    def say(self, text: str) -> None:
        """One line with the time of day."""
        self.console.print(Text.assemble((time.strftime("%H:%M:%S"), "bright_black"), " ", text), soft_wrap=True)

    @contextmanager
    def watching(self, folder: RunFolder) -> Iterator[None]:
        """Show what happens to the run from now on, while this thread is busy inside."""
        stop = Event()
        progress = Progress(folder.path, self.console, since=time.time())
        thread = Thread(target=progress.follow, args=(stop,), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
