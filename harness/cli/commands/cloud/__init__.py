"""``harness cloud``: local Azure by itself, for people with clients of their own; spoken to over HTTP, as by everybody."""

from __future__ import annotations

import click

from harness.cli.commands.cloud.fault import fault
from harness.cli.commands.cloud.journal import journal
from harness.cli.commands.cloud.machine import machine
from harness.cli.commands.cloud.quota import quota
from harness.cli.commands.cloud.server import start, status, stop


@click.group("cloud")
def command() -> None:
    """Local Azure by itself: start, stop, status, journal, fault, machine, quota."""


for _part in (start, stop, status, journal, fault, machine, quota):
    command.add_command(_part)
