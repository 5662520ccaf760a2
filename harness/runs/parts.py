"""The rooms a run works with, found by entry points; a test puts its own in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from harness import builds
from harness.builds.api import Builder
from harness.clouds.api import Cloud
from harness.deployers.api import Deployer
from harness.errors import UsageError
from harness.settings import Settings

DeployerFactory = Callable[[Settings, Cloud], Deployer]
CloudFactory = Callable[[Settings], Cloud]


@dataclass(frozen=True)
class Parts:
    """Looks rooms up by name; each raises ``UsageError`` that lists what there is."""

    deployer: Callable[[str], DeployerFactory] = field(default=lambda name: _load("deployer", name))
    cloud: Callable[[str], CloudFactory] = field(default=lambda name: _load("cloud", name))
    builder: Callable[[Settings], Builder] = field(default=lambda settings: _builder(settings))


def _builder(settings: Settings) -> Builder:
    return builds.open_builder(
        settings.cache,
        mirror=settings.release_mirror,
        components=settings.component,
        limit=settings.cache_limit * 2**30,
    )


def _load(kind: str, name: str) -> Any:
    found = _points(kind)
    if name not in found:
        raise UsageError(f"unknown {kind} {name!r}", hint=f"there are: {', '.join(sorted(found))}")
    return found[name].load()


def _points(kind: str) -> dict[str, EntryPoint]:
    """Entry points by name; the first on the path wins."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"harness.{kind}s"):
        found.setdefault(point.name, point)
    return found
