"""``path:DIR``: a checkout of Kubernetes as it lies there, with what is not committed. What gates a pull request: the merged checkout."""

from __future__ import annotations

from pathlib import Path

from harness.builds.api import Progress, Resolved, Surroundings
from harness.builds.checkouts import stamp
from harness.builds.checkouts.api import Checkout, changed
from harness.builds.checkouts.worktree import WorkTree
from harness.builds.sources import tree


class PathSource:
    """Implements :class:`harness.builds.api.Source`."""

    scheme = "path"

    def __init__(self, surroundings: Surroundings) -> None:
        """Reads the folder only."""

    def resolve(self, reference: str) -> Resolved:
        """The version by the nearest tag; the identity by all files."""
        return resolve(self.scheme, WorkTree(Path(reference)))

    def prepare(self, resolved: Resolved, folder: Path, progress: Progress) -> None:
        """Copy the files, and write the module around them."""
        prepare(WorkTree(Path(resolved.reference)), resolved, folder, progress)


def resolve(scheme: str, checkout: Checkout) -> Resolved:
    """Look at a checkout of Kubernetes; raises ``UsageError`` if it is one of something else."""
    revision = checkout.revision()
    tree.check(checkout.name, revision.go_mod)
    return Resolved(scheme, revision.version, revision.identity, checkout.reference)


def prepare(checkout: Checkout, resolved: Resolved, folder: Path, progress: Progress) -> None:
    """Make ``folder`` a module around the files that were resolved; raises ``BuildError`` if they changed since."""
    revision = checkout.revision()
    if revision.identity != resolved.identity:
        raise changed(checkout.name)
    progress(f"copying the files of Kubernetes {revision.version}")
    (folder / tree.FOLDER).mkdir()
    checkout.export(revision, folder / tree.FOLDER, tree.UNUSED)
    known = stamp.values(revision.version, commit=revision.commit, state=revision.state, date=revision.date)
    tree.prepare(folder, revision.version, known, progress)
