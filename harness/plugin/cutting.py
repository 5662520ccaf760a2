"""Ends a test in the middle when its suite's time is over, by a signal, as pytest-timeout ends one that takes too long.

It strikes while a test waits for its cluster, while fixtures are set up and while the test runs. What ends fixtures is never cut off.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import Timer, main_thread
from types import FrameType
from typing import Any

import pytest

from harness.plugin.context import context_of

_SIGNAL = signal.SIGUSR2


class Cut:
    """Of one run of one test, which the main thread runs. Does nothing until it is armed."""

    def __init__(self) -> None:
        self._inside = False
        self._due = False
        self._timer: Timer | None = None
        self._error: BaseException | None = None
        self._before: Any = None

    def arm(self, end: float, error: BaseException) -> None:
        """Raise this error at this Unix time."""
        self._error = error
        self._before = signal.signal(_SIGNAL, self._strike)
        self._timer = Timer(max(0.0, end - time.time()), signal.pthread_kill, (main_thread().ident, _SIGNAL))
        self._timer.daemon = True
        self._timer.start()

    @contextmanager
    def may_strike(self) -> Iterator[None]:
        """The error is raised in the body only; at its beginning if its time has come before."""
        self._inside = True
        try:
            if self._due and self._error:
                raise self._error
            yield
        finally:
            self._inside = False

    def close(self) -> None:
        """From here on nothing strikes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # or its signal might come when nobody handles it any more
            signal.signal(_SIGNAL, self._before)

    def _strike(self, number: int, frame: FrameType | None) -> None:
        self._due = True
        if self._inside and self._error:
            raise self._error


CUT: pytest.StashKey[Cut] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    if context_of(item.config) is None:
        return (yield)
    item.stash[CUT] = Cut()
    with item.stash[CUT].may_strike():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    if CUT not in item.stash:
        return (yield)
    with item.stash[CUT].may_strike():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    if CUT in item.stash:
        item.stash[CUT].close()
    return (yield)
