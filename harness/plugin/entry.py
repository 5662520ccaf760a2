"""What becomes of pytest's command line: nothing of ours, a controller, or a worker of one; wrong input ends here, in one line."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from harness.errors import UsageError
from harness.plugin.context import KEY, Context, asked_suites
from harness.plugin.loop import install
from harness.plugin.options import run_folder, settings_of
from harness.plugin.running import let_go
from harness.plugin.signals import raise_once
from harness.plugin.thrift import Thrift
from harness.plugin.usage import check_expressions, exit_code_of, one_line


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    try:
        return (yield)
    except pytest.UsageError as error:
        return exit_code_of(error)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """``-n auto`` follows what the cluster carries, not the CPUs; asked before anything else is configured."""
    if asked_suites(config) is None:
        return None
    with one_line():
        return settings_of(config, run_folder(config)).tests


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exclusive: nothing else may use the cluster while this test runs")
    given = getattr(config, "workerinput", None)
    if given is not None:
        if "harness" in given:
            config.stash[KEY] = Context.from_json(given["harness"])
            raise_once()
            cells = config.stash[KEY].cells
            install(config, lambda session, number: let_go(session, cells[number].name))
            config.pluginmanager.register(Thrift(config))
        return
    asked = asked_suites(config)
    if asked is None or config.option.help:
        return
    with one_line():
        check_expressions(config)
        folder = run_folder(config)
        settings = settings_of(config, folder)
        suites = settings.suite or (asked[1] if asked[1] else ())
        if settings.suite and asked[1] and not set(settings.suite) & set(asked[1]):
            raise UsageError(
                f"--suite {', '.join(settings.suite)} and {', '.join(asked[1])} have nothing in common",
                hint="name the suites once",
            )
        if not config.getoption("numprocesses", None):
            settings = settings.changed(clusters=_only_one(settings.clusters))
    from harness.plugin.session import Controller  # half of what a worker would load, and uses nothing of

    settings = settings.changed(suite=suites)
    config.pluginmanager.register(Thrift(config))
    config.pluginmanager.register(Controller(config, settings, asked[0], folder), "harness-controller")


def _only_one(clusters: int) -> int:
    """Without workers there is one test at a time; raises ``UsageError`` if several clusters were asked for."""
    if clusters > 1:
        raise UsageError("--clusters needs several workers", hint="add -n auto, or leave --clusters out")
    return 1
