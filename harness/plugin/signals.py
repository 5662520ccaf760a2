"""How workers are stopped, and hear it: the controller's own signals are those of :mod:`harness.runs.signals`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType

from harness.runs.signals import ENDING


def raise_once() -> None:
    """In a worker: the first SIGINT, SIGTERM or SIGHUP raises ``KeyboardInterrupt``; later ones do not break off the clean-up it begins.

    A worker may hear of one stop three times: by the terminal, the controller and execnet. If it does not end, execnet kills it.
    """
    for number in ENDING:
        signal.signal(number, _interrupt_once)


def stop(processes: Iterable[int]) -> None:
    """Tell workers to stop; xdist by itself lets them go on for five seconds."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(number).name)
