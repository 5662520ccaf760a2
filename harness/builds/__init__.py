"""Builds: from a source of Kubernetes to programs, images and everything a cluster of it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.builds.api import MIRROR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.builds.api import Builder


def open_builder(
    cache: Path, *, mirror: str = MIRROR, components: Sequence[str] = (), limit: int | None = None
) -> Builder:
    """The builder that keeps its results in this folder.

    :param mirror: base URL of ``release:`` and ``ci:`` sources.
    :param components: what is to come from elsewhere than usual: ``cloud-provider-azure=path:DIR``.
    :param limit: bytes that the folder may have when a build was made; what was not used for longest is removed. None: any.
    """
    # here, not above: most importers want only the contract
    from harness.builds.builder import CachedBuilder

    return CachedBuilder(cache, mirror, components, limit)
