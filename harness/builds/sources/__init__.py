"""Sources of Kubernetes, one a file; found by the entry-point group ``harness.sources``."""

from __future__ import annotations

from importlib.metadata import entry_points

from harness.builds.api import Source, Surroundings
from harness.errors import UsageError


def open_source(text: str, surroundings: Surroundings) -> tuple[Source, str]:
    """The source of ``scheme:reference``, and the reference; raises ``UsageError`` naming the schemes there are."""
    scheme, colon, reference = text.partition(":")
    known = {point.name: point for point in entry_points(group="harness.sources")}
    if not colon or scheme not in known or not reference:
        raise UsageError(
            f"read the source {text!r}",
            last_seen="not of the form SCHEME:REFERENCE" if not colon or not reference else f"unknown scheme {scheme}",
            hint=f"known schemes: {', '.join(sorted(known))}; an example is module:v1.37.2",
        )
    source: Source = known[scheme].load()(surroundings)
    return source, reference
