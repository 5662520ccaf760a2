"""What a build needs of a git repository: exactly which content, what it calls itself, and its files in a folder.

Content is named by git's own tree hash, also when a work tree has changes that no commit holds: the same files have the same
name wherever they lie, so a build is found again from another checkout, after a rebase, or after a change was taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.errors import BuildError


@dataclass(frozen=True)
class Revision:
    """What a repository held when it was looked at."""

    commit: str
    """40 hexadecimal digits; of a work tree: what its changes stand on."""
    tree: str
    """git's hash of all files that are not ignored, changes and untracked files included."""
    version: str
    """Semantic version by the nearest tag, as upstream's hack/lib/version.sh words it: ``v1.38.0-alpha.1.12+0123456789abcd-dirty``."""
    date: str
    """When the commit was made, RFC 3339 in UTC."""
    dirty: bool
    """Whether the files differ from those of the commit."""
    go_mod: str
    """Text of go.mod in the folder that was asked for; empty if there is none."""

    @property
    def identity(self) -> str:
        """Whatever makes a build of it unique: content, and the commit, which is stamped into programs."""
        return f"commit {self.commit} tree {self.tree}"

    @property
    def state(self) -> str:
        """gitTreeState of the stamp."""
        return "dirty" if self.dirty else "clean"


class Checkout(Protocol):
    """A repository to build from."""

    name: str
    """As the user wrote it, for messages."""
    reference: str
    """What finds the same again: an absolute folder, or a URL at a commit."""

    def revision(self, module: str = ".") -> Revision:
        """Look at it now; raises ``UsageError`` if it has no version.

        :param module: folder of the Go module within the repository.
        """
        ...

    def export(self, revision: Revision, target: Path, without: Sequence[str] = ()) -> None:
        """Write the files of this revision into ``target``; raises ``BuildError`` if they are no longer what they were.

        :param without: folders to leave out.
        """
        ...

    def changed_since(self, reference: str) -> tuple[str, tuple[str, ...]]:
        """The commit where this and ``reference`` part, and every path that differs from it, sorted.

        :raises UsageError: if there is no such reference.
        """
        ...


def changed(name: str) -> BuildError:
    """The error for files that are no longer those that were looked at."""
    return BuildError(
        f"build {name}",
        last_seen="its files changed after they were looked at",
        hint="let it rest while it is built, or build a commit: git:DIR@COMMIT",
    )
