"""SIGTERM as Ctrl-C: Jenkins aborts a build with SIGTERM, and plain pytest then dies with no teardown and no results.

A shell that starts a job in the background, as Jenkins' does, makes it ignore SIGINT, and Python leaves that so; but the supervisor
speaks to this process by SIGINT too.
"""

from __future__ import annotations

import signal
from types import FrameType


def raise_on_sigterm() -> None:
    """From here on SIGTERM raises ``KeyboardInterrupt`` in the main thread, and so does SIGINT even where it was ignored."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
