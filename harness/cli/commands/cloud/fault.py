"""``harness cloud fault``: have local Azure do what the public cloud does on bad days."""

from __future__ import annotations

import json
from typing import Any

import click

from harness.cli.commands.cloud.asking import cloud_settings, running
from harness.cli.options import setting_options
from harness.clouds.journal import ask


@click.command("fault")
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option(
    "--call", metavar="NAME", help='Only this call, as the journal names it: "PUT Microsoft.Compute/virtualMachines".'
)
@click.option("--method", metavar="NAME", help="Only requests with this method.")
@click.option("--path", metavar="REGEX", help="Only paths in which this is found, without case.")
@click.option("--location", metavar="NAME", help="Only resources in this location.")
@click.option("--count", metavar="N", help="For how many requests; -1 for ever.  [1]")
@click.option("--skip", metavar="N", help="Let so many matching requests pass first.  [0]")
@click.option("--seconds", metavar="S", help="Retry-After, delay or length of the operation.  [1]")
@click.option("--code", metavar="CODE", help="Error code to answer with, instead of the kind's.")
@click.option("--status", metavar="N", help="HTTP status to answer with, instead of the code's.")
@click.option("--message", metavar="TEXT", help="Message to answer with.")
@click.option("--target", metavar="WHAT", help="What vanishes: group, or the resource that was asked for.  [group]")
@click.option("--seed", metavar="N", help="Meet requests by chance: the same for the same seed.")
@click.option("--rate", metavar="SHARE", help="With --seed: how many of the requests, from 0 to 1.  [0.1]")
@click.option("--kinds", "show_kinds", is_flag=True, help="List the kinds of faults and error codes there are.")
@click.option("--clear", is_flag=True, help="Forget every fault.")
@setting_options("state")
def fault(kinds: tuple[str, ...], show_kinds: bool, clear: bool, state: str | None, **options: str | None) -> None:
    """Have the next matching requests meet a fault; without one, list those that are set.

    KIND is one of `--kinds`: delay, never, misreported, cut, vanished, killed, ..., or any error code of ARM, such as SkuNotAvailable.
    """
    info = running(cloud_settings({"state": state}))
    if show_kinds:
        _show_kinds(ask(info, "GET", "kinds")["value"])
        return
    if clear:
        ask(info, "DELETE", "faults")
    if kinds:
        ask(info, "POST", "faults", {"kind": list(kinds), **{name: value for name, value in options.items() if value}})
    for pending in ask(info, "GET", "faults")["value"]:
        click.echo(json.dumps(pending))


def _show_kinds(kinds: list[dict[str, Any]]) -> None:
    width = max(len(kind["kind"]) for kind in kinds)
    for kind in kinds:
        usual = f"  [{kind['call']}]" if kind.get("call") else ""
        click.echo(f"{kind['kind']:<{width}}  {kind['does']}{usual}")
