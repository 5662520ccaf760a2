"""pytest's command line: one option for every setting of the harness, and the run to work on.

The settings' fields are the only list (:mod:`harness.settings`), so pytest and ``harness run`` take the same flags.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.plugin import hooks
from harness.runs.folder import RunFolder
from harness.runs.plan import load_plan
from harness.settings import Settings, load, options, overridden

_PREFIX = "harness_"


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "Kubernetes on Azure (also HARNESS_* in the environment and harness.toml)")
    for option in options():
        text = option.help + (f" One of {', '.join(option.choices)}." if option.choices else "")
        group.addoption(
            option.flag,
            dest=_PREFIX + option.name,
            action="append" if option.repeatable else "store",
            metavar=option.metavar or None,
            default=None,
            help=text.replace("%", "%%"),
        )
    group.addoption("--run", metavar="ID", help="Test the clusters of this run, which stay up.")
    group.addoption("--run-folder", metavar="DIR", help="The same, by the run's folder.")
    group.addoption("--resume", metavar="ID", help="Go on with this run, which was cut off: what has no result yet.")


def run_folder(config: pytest.Config) -> Path | None:
    """Folder of the run that was asked for by --run, --run-folder or --resume; raises ``UsageError`` if there is no such run."""
    if config.getoption("run_folder"):
        return Path(config.getoption("run_folder")).resolve()
    if wanted := config.getoption("resume") or config.getoption("run"):
        return RunFolder.find(_load(config).reports, wanted).path
    return None


def settings_of(config: pytest.Config, folder: Path | None) -> Settings:
    """The settings of this session: an existing run's with this command line's flags on top, or all four sources."""
    if folder is None:
        return _load(config)
    return overridden(load_plan(RunFolder(folder))[0], flags(config), config.invocation_params.dir)


def flags(config: pytest.Config) -> Mapping[str, Any]:
    """Settings given on the command line; None for those that were not."""
    return {option.name: config.getoption(_PREFIX + option.name) for option in options()}


def _load(config: pytest.Config) -> Settings:
    return load(flags(config), os.environ, config.invocation_params.dir)
