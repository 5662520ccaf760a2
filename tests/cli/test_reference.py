"""The pages of docs/reference say what the program does."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.main import harness
from harness.cli.reference import PAGE, settings_page
from harness.errors import EXIT_CODES

DOCS = Path(__file__).parents[2] / PAGE.parent


def test_settings() -> None:
    assert (DOCS / PAGE.name).read_text() == settings_page(), "write it again: python -m harness.cli.reference"


def test_every_command_is_described() -> None:
    page = (DOCS / "commands.md").read_text()
    context = click.Context(harness)
    assert [name for name in harness.list_commands(context) if f"## harness {name}" not in page] == []


def test_every_exit_code_is_described() -> None:
    page = (DOCS / "exit-codes.md").read_text()
    assert [code for code in EXIT_CODES.values() if f"| {code} |" not in page] == []
