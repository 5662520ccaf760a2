"""Checkouts: git repositories as exact content, whether a folder that somebody works in or a remote at a commit."""

from __future__ import annotations

from pathlib import Path

from harness.builds.api import Surroundings
from harness.builds.cache import Cache
from harness.builds.checkouts.api import Checkout
from harness.builds.checkouts.clone import Clone
from harness.builds.checkouts.worktree import WorkTree


def open_checkout(source: str, surroundings: Surroundings) -> Checkout | None:
    """The checkout that ``path:DIR`` or ``git:URL@REF`` names; None for any other source."""
    scheme, _, reference = source.partition(":")
    if scheme == "path":
        return WorkTree(Path(reference))
    if scheme == "git":
        return Clone(reference, Cache(surroundings.cache), surroundings.progress)
    return None
