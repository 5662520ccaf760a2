"""``harness cloud start``, ``stop``, ``status``."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.commands.cloud.asking import cloud_settings, local_server
from harness.cli.options import setting_options
from harness.clouds.journal import ask
from harness.clouds.server import ServerInfo
from harness.runs.host import preflight


@click.command("start")
@setting_options("state")
def start(**flags: Any) -> None:
    """Start local Azure and keep it until `harness cloud stop`."""
    settings = cloud_settings(flags)
    preflight(settings)
    _describe(local_server(settings).hold(kept=True))


@click.command("stop")
@setting_options("state")
def stop(**flags: Any) -> None:
    """Let go of local Azure; it ends now, or when the last run lets go of it."""
    settings = cloud_settings(flags)
    server = local_server(settings)
    if server.running() is None:
        server.release_kept()
        click.echo("local Azure does not run")
        return
    from harness.clouds.local import LocalCloud  # the SDK takes a second to import, which `--help` need not wait for

    with LocalCloud(settings) as cloud:
        server.release_kept()
        groups = [group.name for group in cloud.groups({})]
    if server.running() is None:
        click.echo("local Azure has ended")
        return
    why = f"it has resource groups {', '.join(groups)}; see: harness status" if groups else "runs still use it"
    click.echo(f"local Azure runs on: {why}")


@click.command("status")
@setting_options("state")
def status(**flags: Any) -> None:
    """Where local Azure answers, and what it holds."""
    server = local_server(cloud_settings(flags))
    info = server.running()
    if info is None:
        click.echo("local Azure does not run; start it: harness cloud start")
        return
    _describe(info)
    click.echo(f"resources     {ask(info, 'GET', 'health')['resources']}")


def _describe(info: ServerInfo) -> None:
    """How another client gets in; the secret stays in its file."""
    for name, value in (
        ("HTTP", info.http),
        ("HTTPS", info.https),
        ("CA", info.ca),
        ("subscription", info.subscription),
        ("tenant", info.tenant),
        ("client id", info.client_id),
        ("process", info.pid),
    ):
        click.echo(f"{name:<14}{value}")
