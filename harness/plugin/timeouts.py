"""How long a suite may take on one cell: the ``timeout`` of its ``suite.yaml``, counted from when its first test has its cluster.

The processes that run tests share that moment through an empty file in the cell's folder: whoever is first makes it, and when it was made
is the start. A test that runs when the time is over is cut off, later ones are not begun. Both are ``aborted``, and a resumed run repeats
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

import pytest

from harness.errors import Outcome, UsageError
from harness.plugin.suites import Suite
from harness.runs.deadline import out_of_order
from harness.runs.folder import RunFolder
from harness.settings import Settings, duration


class SuiteOverError(pytest.fail.Exception):  # type: ignore[name-defined, misc] # its only public name
    """A suite's time is over.

    Like pytest's own failures it is no ``Exception``: a test that waits for something and passes over errors ends all the same.
    """

    outcome = Outcome.ABORTED

    def __init__(self, suite: Suite, cell: str) -> None:
        text = f"{suite.name} on {cell}: the suite's timeout of {suite.timeout} has passed; {suite.file} says it"
        super().__init__(text, pytrace=False)


class SuiteEnd(NamedTuple):
    """When a suite's time on one cell is over, in Unix time, and what is raised then."""

    at: float
    error: SuiteOverError


def begin(folder: RunFolder, cell: str, suite: Suite) -> SuiteEnd | None:
    """The end of this suite's time on this cell, which begins now if it has not yet; None without a timeout."""
    if not suite.timeout:
        return None
    mark = folder.cell(cell).suites / suite.name
    mark.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        mark.touch(exist_ok=False)
    return SuiteEnd(mark.stat().st_mtime + duration(suite.timeout), SuiteOverError(suite, cell))


def forget(folder: RunFolder, cells: Iterable[str]) -> None:
    """Let the suites' times begin anew: this is another session on the same clusters."""
    for cell in cells:
        for mark in folder.cell(cell).suites.glob("*"):
            mark.unlink(missing_ok=True)


def told_timeout(config: pytest.Config) -> float | None:
    """Seconds that pytest-timeout gives each test, by the command line or pytest's settings; None if nobody said, or it is not there."""
    given = config.getoption("timeout", None)
    try:
        return float(given if given is not None else config.getini("timeout"))
    except (TypeError, ValueError, KeyError):
        return None


def check_nested(suites: Sequence[Suite], settings: Settings, test: float | None = None) -> None:
    """Raise ``UsageError`` unless limits that are told are shorter than those around them: test < suite < run.

    :param test: seconds that pytest-timeout gives each test; None if nobody said.
    """
    for suite in suites:
        around = [(f"timeout in {suite.file}", suite.timeout), ("the run's --deadline", settings.deadline)]
        told = [(f"timeout in {selection.path}", selection.timeout) for selection in suite.selections()]
        for limit in [*told, ("pytest's --timeout", f"{test:g}s" if test else ""), ("", "")]:
            for (inner, short), (outer, long) in out_of_order([limit, *around]):
                raise UsageError(
                    f"{inner}, {short}, is not shorter than {outer}, {long}",
                    hint="a test's limit has to be shorter than its suite's, and that shorter than the run's",
                )
