"""Pytest's own output without secrets, for who runs ``pytest suites/`` by hand: under ``harness run``, its supervisor masks.

A failed test's report shows what the test compared, and what it printed. That is written by pytest's terminal reporter, also for tests of
xdist's workers. What a test prints under ``-s`` passes by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO

import pytest

from harness.redact.known import LEAST


def mask_terminal(config: pytest.Config, mask: Callable[[str], str]) -> None:
    """Have everything that pytest writes from now on masked."""
    if not config.pluginmanager.has_plugin("terminalreporter"):
        return
    writer = config.get_terminal_writer()
    writer._file = MaskedFile(writer._file, mask)


class MaskedFile:
    """A text file that masks what is written, call by call; pytest writes a line, or a captured text, in one."""

    def __init__(self, file: TextIO, mask: Callable[[str], str]) -> None:
        self._file = file
        self._mask = mask

    def write(self, text: str) -> int:
        """No secret is shorter than ``LEAST``, and most calls write a dot."""
        return self._file.write(self._mask(text) if len(text) >= LEAST else text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
