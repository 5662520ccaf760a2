"""``harness build``: a source becomes a build, or is found in the cache."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.runs.parts import Parts


@click.command("build")
@click.argument("source")
@setting_options("cache")
def command(source: str, **flags: Any) -> None:
    """Build SOURCE (module:v1.37.2), or find it in the cache; the last line on stdout is its folder."""
    parts = Parts()
    parts.resolve(source)
    build = parts.builder(settings_from(flags).cache).build(source, lambda text: click.echo(text, err=True))
    click.echo(build.folder)
