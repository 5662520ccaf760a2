"""What a person sees of a command while it works: progress in the background, and single lines between."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TextIO, cast

from rich.console import Console
from rich.text import Text

from harness.redact.secrets import Secrets
from harness.reporting.live import Progress
from harness.runs.folder import RunFolder
from harness.runs.secrets import run_secrets


class _Unbroken(io.TextIOBase):
    """A stream whose reader may go away, as a closed terminal does: what is said from then on is said to nobody."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override] # a plain attribute there
        return self._stream.encoding


class Screen:
    """Standard output, or standard error for commands whose output is for other programs."""

    def __init__(self, *, stderr: bool = False) -> None:
        self.console = Console(file=cast("TextIO", _Unbroken(sys.stderr if stderr else sys.stdout)), highlight=False)
        self._secrets = Secrets(environ=os.environ)

    def say(self, text: str) -> None:
        """One line with the time of day, without secrets."""
        text = self._secrets.mask(text)
        self.console.print(Text.assemble((time.strftime("%H:%M:%S"), "bright_black"), " ", text), soft_wrap=True)

    @contextmanager
    def watching(self, folder: RunFolder) -> Iterator[None]:
        """Show what happens to the run from now on, while this thread is busy inside."""
        self._secrets, stop = run_secrets(folder.path), Event()
        progress = Progress(folder.path, self.console, since=time.time())
        thread = Thread(target=progress.follow, args=(stop,), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
