"""``harness build``: a source becomes a build, or is found in the cache."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.runs.parts import Parts
from harness.runs.plan import pinned


@click.command("build")
@click.argument("source")
@setting_options("cache", "cache_limit", "component", "release_mirror")
def command(source: str, **flags: Any) -> None:
    """Build SOURCE (module:v1.37.2), or find it in the cache; the last line on stdout is its folder."""
    builder = Parts().builder(settings_from(flags))
    build = builder.build(pinned(builder.resolve(source), source), lambda text: click.echo(text, err=True))
    click.echo(build.folder)
