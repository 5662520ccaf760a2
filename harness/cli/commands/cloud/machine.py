"""``harness cloud machine``: take from a running machine its network, its disk or its uptime, and make it well again."""

from __future__ import annotations

import click

from harness.cli.commands.cloud.asking import cloud_settings, running
from harness.cli.options import setting_options
from harness.clouds.journal import ask
from harness.errors import UsageError


@click.command("machine")
@click.argument("name", required=False, default="")
@click.argument("wanted", required=False, default="", metavar="[STATE]")
@click.option("--group", default="", metavar="NAME", help="Resource group, where several have a machine of that name.")
@setting_options("state")
def machine(name: str, wanted: str, group: str, state: str | None) -> None:
    """Make a running machine STATE: well, isolated, full or rebooted; without one, list machines and what is wrong with them.

    isolated: its network is lost. full: its disk is full. Both last until it is made well or deleted. rebooted: it reboots itself, now.
    """
    info = running(cloud_settings({"state": state}))
    if name and not wanted:
        raise UsageError(f"{name} shall be what?", hint="write a state: well, isolated, full or rebooted")
    changed = [ask(info, "POST", "machines", {"name": name, "state": wanted, "group": group})] if name else []
    for one in changed or ask(info, "GET", "machines")["value"]:
        click.echo(f"{one['group']:<30}  {one['name']:<30}  {one['power']:<11}  {one['condition']}")
