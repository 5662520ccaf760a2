"""SIGTERM as Ctrl-C: Jenkins aborts a build with SIGTERM, and plain pytest then dies with no teardown and no results."""

from __future__ import annotations

import signal
from types import FrameType


def raise_on_sigterm() -> None:
    """From here on SIGTERM raises ``KeyboardInterrupt`` in the main thread."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
