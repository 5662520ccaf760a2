"""SIGTERM as Ctrl-C: Jenkins aborts a build with SIGTERM, and plain pytest then dies with no teardown and no results.

A shell that starts a job in the background, as Jenkins' does, makes it ignore SIGINT, and Python leaves that so; but the supervisor
speaks to this process by SIGINT too.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType


def raise_on_sigterm() -> None:
    """From here on SIGTERM raises ``KeyboardInterrupt`` in the main thread, and so does SIGINT even where it was ignored."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def raise_once() -> None:
    """In a worker: the first SIGINT or SIGTERM raises ``KeyboardInterrupt``; later ones do not break off the clean-up it begins.

    A worker may hear of one stop three times: by the terminal, the controller and execnet. If it does not end, execnet kills it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt_once)


def stop(processes: Iterable[int]) -> None:
    """Tell workers to stop; xdist by itself lets them go on for five seconds."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    _interrupt(number, frame)
