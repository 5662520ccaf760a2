"""What changed since a reference, over all checkouts that a run is made of."""

from __future__ import annotations

from dataclasses import dataclass

from harness.builds.api import Surroundings
from harness.builds.checkouts import open_checkout
from harness.errors import UsageError
from harness.settings import Settings


@dataclass(frozen=True)
class Changed:
    """The differences of one checkout."""

    name: str
    """The source as it was written."""
    base: str
    """The commit from which on changes count."""
    paths: tuple[str, ...]
    """``pkg/proxy/...``; of a component ``cloud-provider-azure:pkg/...``."""


def changed_since(settings: Settings) -> tuple[Changed, ...]:
    """Every checkout among sources and components; raises ``UsageError`` if there is none, or one lacks the reference."""
    surroundings = Surroundings(settings.cache, settings.release_mirror)
    named = [("", source) for source in settings.source]
    named += [(name + ":", source) for name, _, source in (text.partition("=") for text in settings.component)]
    found = []
    for prefix, source in named:
        checkout = open_checkout(source, surroundings)
        if checkout is not None:
            base, paths = checkout.changed_since(settings.changed_since)
            found.append(Changed(source, base, tuple(f"{prefix}{path}" for path in paths)))
    if not found:
        raise UsageError(
            f"compare with --changed-since {settings.changed_since}",
            last_seen="neither --source nor --component is a checkout",
            hint="add --source path:DIR, or git:URL@REF",
        )
    return tuple(found)
