"""``harness cloud journal``."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import click

from harness.cli.commands.cloud.asking import cloud_settings, running
from harness.cli.options import setting_options
from harness.clouds.journal import ask


@click.command("journal")
@click.option("--method", default="", metavar="NAMES", help="Only these methods: PUT,DELETE.")
@click.option("--path", default="", metavar="REGEX", help="Only paths in which this is found, without case.")
@click.option("--after", default=0, metavar="N", help="Only entries with a greater number.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@setting_options("state")
def journal(method: str, path: str, after: int, as_json: bool, **flags: Any) -> None:
    """Requests that local Azure answered, oldest first."""
    query = urllib.parse.urlencode({"method": method, "path": path, "after": after})
    for entry in ask(running(cloud_settings(flags)), "GET", f"journal?{query}")["value"]:
        if as_json:
            click.echo(json.dumps(entry))
            continue
        number, status, code = entry["number"], entry["status"], entry["code"]
        click.echo(
            f"{number:>6} {status} {entry['method']:<6} {entry['milliseconds']:>9.1f} ms  {entry['path']}  {code}".rstrip()
        )
