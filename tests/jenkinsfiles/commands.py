"""Whether what a Jenkinsfile gives to ``sh`` is a command that exists: read as a shell reads it, then parsed by harness itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click

from harness.cli.main import harness
from harness.errors import UsageError
from harness.runs.deadline import check_order
from harness.runs.matrix import wanted_cells
from harness.settings import PREFIX, Settings, load, options

ROOT = Path(__file__).parents[2]
PROGRAM = ".venv/bin/harness"


class NotACommandError(Exception):
    """One line: what is wrong with it."""


@dataclass(frozen=True)
class Parsed:
    """A harness command line."""

    path: str
    """``run``, ``report write``."""
    values: Mapping[str, Any]
    settings: Settings


def words(script: str, environment: Mapping[str, str]) -> list[str]:
    """The words of one simple command; a variable stands in double quotes, so that its value stays one word."""
    if "\n" in script.strip():
        raise NotACommandError("more than one line")
    bare = re.sub(r'"\$\w+"|"[\w/]*\$\w+"', "", script)
    if found := re.search(r"[;&|<>`$(){}*?~!#\\\n]", bare):
        raise NotACommandError(f"{found[0]!r} is for a shell, and every step is one command")
    for name in re.findall(r"\$(\w+)", script):
        if name not in environment:
            raise NotACommandError(f"${name} is not set, or a secret")
    return [re.sub(r"\$(\w+)", lambda match: environment[match[1]], word) for word in shlex.split(script)]


def parse(script: str, environment: Mapping[str, str]) -> Parsed | None:
    """The harness command of a step; None for ``make setup``, without which there is none.

    :raises NotACommandError: for everything that is neither.
    """
    found = words(script, environment)
    if found == ["make", "setup"]:
        return None
    if found[:2] != ["exec", PROGRAM]:
        raise NotACommandError(f"neither make setup nor exec {PROGRAM}")
    ours = tuple((name, value) for name, value in sorted(environment.items()) if name.startswith(PREFIX))
    parsed = parse_arguments(tuple(found[2:]), ours)
    if isinstance(parsed, str):
        raise NotACommandError(parsed)
    return parsed


@cache
def parse_arguments(arguments: tuple[str, ...], environment: tuple[tuple[str, str], ...] = ()) -> Parsed | str:
    """What harness makes of these arguments, values of settings included; or what it says is wrong."""
    try:
        context = _context(list(arguments))
        known = {option.name for option in options()}
        given = {name: value for name, value in context.params.items() if name in known}
        settings = load(given, {"HOME": "/root", "USER": "jenkins", **dict(environment)}, ROOT)
        if context.command_path.split()[1:] == ["run"]:
            check_order(settings)
            wanted_cells(settings)
    except (click.ClickException, UsageError) as error:
        return str(getattr(error, "message", error))
    return Parsed(" ".join(context.command_path.split()[1:]), context.params, settings)


def _context(arguments: list[str]) -> click.Context:
    command: click.Command = harness
    context: click.Context | None = None
    name = "harness"
    while isinstance(command, click.Group):
        context = command.make_context(name, arguments, parent=context)
        found, below, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        assert below is not None
        name, command = str(found), below
    return command.make_context(name, arguments, parent=context)
