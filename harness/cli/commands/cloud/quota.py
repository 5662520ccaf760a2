"""``harness cloud quota``: how much fits into local Azure's locations."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.commands.cloud.asking import cloud_settings, running
from harness.cli.options import setting_options
from harness.clouds.journal import ask
from harness.errors import UsageError


@click.command("quota")
@click.argument("limits", nargs=-1, metavar="[NAME=N]...")
@click.option("--location", default="", metavar="NAME", help="Only in this location; else everywhere.")
@click.option("--clear", is_flag=True, help="Forget every limit that was set.")
@setting_options("state")
def quota(limits: tuple[str, ...], location: str, clear: bool, state: str | None) -> None:
    """Limit what fits: cores, a size's family, PublicIPAddresses, ...; without NAME=N, list the limits that were set.

    `capacity` is the cores that a location's hardware has: a machine beyond it is accepted and fails with AllocationFailed. A size
    with 0 (Standard_D2s_v5=0) is not on offer: SkuNotAvailable.
    """
    info = running(cloud_settings({"state": state}))
    wanted: dict[str, Any] = {} if clear else ask(info, "GET", "config")["quota"]
    place = wanted.setdefault(location, {}) if location else wanted
    place.update(map(_limit, limits))
    if limits or clear:
        wanted = ask(info, "POST", "config", {"quota": wanted})["quota"]
    for name, limit in sorted(wanted.items()):
        for inner, value in sorted(limit.items()) if isinstance(limit, dict) else ((name, limit),):
            click.echo(f"{name if isinstance(limit, dict) else 'everywhere':<20}{inner}={value}")


def _limit(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if not name or not value.isdigit():
        raise UsageError(f"{text!r} is not a limit", hint="write NAME=N: cores=8")
    return name, int(value)
