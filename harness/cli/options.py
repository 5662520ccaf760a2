"""Settings as click options, made from the fields themselves; their values are checked by :func:`harness.settings.load` alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.cli.spoken import Spoken
from harness.runs.deadline import check_order
from harness.settings import Settings, load, options, overridden

_F = TypeVar("_F", bound=Callable[..., Any])

PLACES = ("cloud", "reports", "state", "cache", "subscription")
"""Settings of commands that look at runs that are there already."""


def setting_options(*names: str) -> Callable[[_F], _F]:
    """Options for these settings, or for all of them; their values arrive as keyword arguments, None if not given."""

    def decorate(function: _F) -> _F:
        for option in reversed(options()):
            if names and option.name not in names:
                continue
            flags = [option.flag, "-n"] if option.name == "tests" else [option.flag]
            default = ", ".join(option.default) if option.repeatable else str(option.default)
            function = click.option(
                *flags,
                option.name,
                multiple=option.repeatable,
                default=None,
                metavar="|".join(option.choices) or option.metavar,
                help=option.help + (f"  [{default}]" if default else ""),
            )(function)
        return function

    return decorate


def run_option(function: _F) -> _F:
    """``--run ID``; the newest run when not given."""
    return click.option("--run", "run", default="latest", metavar="ID", help="Id of the run, or its folder.  [latest]")(
        function
    )


def settings_from(flags: dict[str, Any]) -> Settings:
    """Settings of this command: file, environment, then these flags."""
    settings = load(flags, os.environ, Path.cwd())
    Spoken.works_on(settings)
    return settings


def settings_over(settings: Settings, flags: dict[str, Any]) -> Settings:
    """Settings of an existing run with these flags on top, and with the limits that are around this command, not around that run.

    :raises UsageError: also when the limits are not in order.
    """
    here = settings_from(flags)
    limits = {"step_limit": here.step_limit, "agent_limit": here.agent_limit}
    settings = overridden(settings, flags, Path.cwd()).changed(**limits)
    check_order(settings)
    return settings
