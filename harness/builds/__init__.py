"""Builds: from a source of Kubernetes to programs, images and everything a cluster of it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.builds.api import Builder


def open_builder(cache: Path) -> Builder:
    """The builder that keeps its results in this folder."""
    # here, not above: most importers want only the contract
    from harness.builds.builder import CachedBuilder

    return CachedBuilder(cache)
