"""A folder that somebody works in: its files as they are now, committed or not.

The content is hashed by git itself, with a copy of its index and an object folder of our own, so that nothing in the
repository changes: no index lock, no stray objects.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.builds.checkouts.api import Revision, changed
from harness.builds.checkouts.git import Git, changes, parting, scratch
from harness.errors import BuildError, UsageError


class WorkTree:
    """Implements :class:`harness.builds.checkouts.api.Checkout` on a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises ``UsageError`` unless ``folder`` is the top of a work tree with at least one commit."""
        self.name = f"path:{folder}"
        self.folder = folder.expanduser().absolute()
        self.reference = str(self.folder)
        self._git = Git(self.folder)
        self._check()

    def revision(self, module: str = ".") -> Revision:
        """Look at the files now."""
        with self._hashed() as (git, tree, _):
            commit = self._head()
            dirty = tree != git.tree(commit)
            return Revision(
                commit=commit,
                tree=tree,
                version=git.version(commit, dirty=dirty, name=self.name),
                date=git.date(commit),
                dirty=dirty,
                go_mod=git.file(tree, f"{module}/go.mod".removeprefix("./")),
            )

    def export(self, revision: Revision, target: Path, without: Sequence[str] = ()) -> None:
        """Write the files, if they are still those of the revision."""
        with self._hashed() as (git, tree, place):
            if tree != revision.tree:
                raise changed(self.name)
            git.write(tree, target, without, index=place / "fresh")

    def changed_since(self, reference: str) -> tuple[str, tuple[str, ...]]:
        """Also what is not committed, and files that git does not know yet."""
        with self._hashed() as (git, tree, _):
            base = parting(git, self._head(), reference, self.name)
            return base, changes(git, base, tree)

    def _head(self) -> str:
        commit = self._git.commit("HEAD")
        if commit is None:
            raise UsageError(f"read {self.name}", last_seen="it has no commit", hint="name a checkout with history")
        return commit

    def _check(self) -> None:
        if not self.folder.is_dir():
            raise UsageError(f"read {self.name}", last_seen="no such folder", hint="name the folder of a checkout")
        try:
            top = self._git.run("rev-parse", "--show-toplevel", attempt=f"read {self.name}").strip()
        except BuildError as caught:
            raise UsageError(
                f"read {self.name}", last_seen="not a git checkout", hint="its version comes from git: name a checkout"
            ) from caught
        if Path(top).resolve() != self.folder.resolve():
            raise UsageError(
                f"read {self.name}", last_seen=f"only a part of the checkout {top}", hint=f"write path:{top}"
            )

    @contextmanager
    def _hashed(self) -> Iterator[tuple[Git, str, Path]]:
        """git with the objects of all files at hand, the hash of them all, and a scratch folder."""
        with scratch() as place:
            attempt = f"read the files of {self.name}"
            index, objects = (
                self.folder / self._git.run("rev-parse", "--git-path", name, attempt=attempt).strip()
                for name in ("index", "objects")
            )
            if index.exists():
                shutil.copy2(index, place / "index")  # with the time of its files, or each would be read again
            (place / "objects").mkdir()
            git = Git(
                self.folder,
                {
                    "GIT_INDEX_FILE": str(place / "index"),
                    "GIT_OBJECT_DIRECTORY": str(place / "objects"),
                    "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
                },
            )
            git.run("add", "--all", attempt=attempt)
            yield git, git.run("write-tree", attempt=attempt).strip(), place
