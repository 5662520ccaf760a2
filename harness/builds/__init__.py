"""Builds: from a source of Kubernetes to programs, images and everything a cluster of it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.builds.api import MIRROR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.builds.api import Builder


def open_builder(cache: Path, *, mirror: str = MIRROR, components: Sequence[str] = ()) -> Builder:
    """The builder that keeps its results in this folder.

    :param mirror: base URL of ``release:`` and ``ci:`` sources.
    :param components: what is to come from elsewhere than usual: ``cloud-provider-azure=path:DIR``.
    """
    # here, not above: most importers want only the contract
    from harness.builds.builder import CachedBuilder

    return CachedBuilder(cache, mirror, components)
