"""How a worker goes through its tests: each begins as soon as it is known.

xdist's own worker waits with a test until it knows the next one, for the sake of fixtures that both may use; so the last test of a
worker only starts at the end of the session, and a short one waits behind a long one. Here fixtures above a test's own level simply stay
until something else is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.plugin.farewells import farewell_of
from harness.plugin.process import LANE
from harness.plugin.scheduler import decoded


def install(config: pytest.Config, let_go: Callable[[pytest.Session, int], None]) -> None:
    """In a worker: let xdist's loop take its steps here. Its object is known by what it has; its class lives in no module.

    :param let_go: drops what this process holds of the cell of this number.
    """
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "run_one_test") and hasattr(plugin, "torun"):
            steps = Steps(plugin, let_go)
            plugin.run_one_test = steps.one
            config.pluginmanager.register(steps)
            return
    raise RuntimeError(
        "this version of pytest-xdist has no run_one_test: see pyproject.toml for the versions that have"
    )


class Steps:
    """The body of xdist's loop: does what ``worker.nextitem_index`` says and then waits for the next."""

    def __init__(self, worker: Any, let_go: Callable[[pytest.Session, int], None]) -> None:
        self._worker = worker
        self._let_go = let_go

    def one(self) -> None:
        session: pytest.Session = self._worker.session
        number = self._worker.nextitem_index
        if (cell := farewell_of(number)) is not None:
            self._let_go(session, cell)
            self._worker.sendevent("runtest_protocol_complete", item_index=number, duration=0.0)
        else:
            self._run(session, number)
        if not (session.shouldfail or session.shouldstop):
            self._worker.nextitem_index = self._worker.torun.get()

    def _run(self, session: pytest.Session, number: int) -> None:
        count = len(session.items)
        index, lane = decoded(number, count)
        item = session.items[index]
        item.stash[LANE] = lane
        self._worker.item_index = index
        began = time.perf_counter()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._next(item, session, count))
        seconds = time.perf_counter() - began
        self._worker.sendevent("runtest_protocol_complete", item_index=index, duration=seconds)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """End the fixtures that stayed for want of a next item and that this one does not use; an error of theirs is told here."""
        item.session._setupstate.teardown_exact(item)

    def _next(self, item: pytest.Item, session: pytest.Session, count: int) -> Any:
        """The next item if it is known; None at the end; else the place where this one is from, so that its fixtures stay."""
        with self._worker.torun.lock() as waiting:
            ahead = waiting[0] if waiting else None
        if ahead is None:
            return item.parent
        if not isinstance(ahead, int) or farewell_of(ahead) is not None:
            return None
        index, lane = decoded(ahead, count)
        if session.items[index] is not item:
            session.items[index].stash[LANE] = lane
        return session.items[index]
