"""``git:URL@REF``: a branch, tag or commit of a repository; fetched into the cache, never checked out twice."""

from __future__ import annotations

from pathlib import Path

from harness.builds.api import Progress, Resolved, Surroundings
from harness.builds.cache import Cache
from harness.builds.checkouts.clone import Clone
from harness.builds.sources import path


class GitSource:
    """Implements :class:`harness.builds.api.Source`."""

    scheme = "git"

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    def resolve(self, reference: str) -> Resolved:
        """Fetch, unless a full commit is named that is there; the reference resolved to is that commit."""
        return path.resolve(self.scheme, self._clone(reference))

    def prepare(self, resolved: Resolved, folder: Path, progress: Progress) -> None:
        """Write the commit's files, and the module around them."""
        path.prepare(self._clone(resolved.reference), resolved, folder, progress)

    def _clone(self, reference: str) -> Clone:
        return Clone(reference, Cache(self._surroundings.cache), self._surroundings.progress)
