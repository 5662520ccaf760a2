"""Keeps a dozen processes from doing at their end what only costs CPU: seconds that the last tests and the clean-up would lack."""

from __future__ import annotations

import gc
import sys

import pytest


class Thrift:
    """Registered in the controller and in workers. xdist's workers also summarize and format, and throw the text away."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """pytest formats the whole stack of an interrupt, with sources, and then shows its last line."""
        if not self._config.option.fulltrace:
            excinfo.traceback = excinfo.traceback[-1:]

    def pytest_collection_finish(self) -> None:
        """What is loaded and collected by now stays to the end; pytest collects garbage five times over before it leaves."""
        gc.freeze()

    def pytest_sessionfinish(self) -> None:
        """Hypothesis' plugin imports Hypothesis for its summary, more than a second of CPU, although no suite has used it."""
        plugins = self._config.pluginmanager
        if "hypothesis" not in sys.modules and plugins.has_plugin("hypothesispytest"):
            plugins.unregister(name="hypothesispytest")
