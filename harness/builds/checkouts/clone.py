"""A remote repository at a commit: a bare copy in the cache that only ever fetches what it lacks.

A full commit that is there already needs no network; anything else asks the remote, because branches move.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from harness.builds.api import Progress
from harness.builds.cache import Cache, digest
from harness.builds.checkouts.api import Revision
from harness.builds.checkouts.git import Git, changes, parting, scratch
from harness.errors import BuildError, UsageError

_FETCH = 3600.0
"""Seconds for the first fetch; Kubernetes' history is 1.5 GB."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MIRRORED = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_ASKED = "refs/harness/asked"
"""A reference that is neither branch nor tag, such as ``refs/pull/1/merge``, is kept under this name."""


class Clone:
    """Implements :class:`harness.builds.checkouts.api.Checkout` on ``URL@REF``; fetches when it is made."""

    def __init__(self, reference: str, cache: Cache, progress: Progress) -> None:
        """Raises ``UsageError`` for a malformed reference, a remote that does not answer, and a REF that it does not have."""
        self.name = f"git:{reference}"
        self._url, self._asked = _split(reference)
        key = digest(self._url)
        with cache.locked("git", key, progress):
            self._git = Git(_repository(cache.root / "git" / key))
            self._commit = self._found(progress)
        self.reference = f"{self._url}@{self._commit}"

    def revision(self, module: str = ".") -> Revision:
        """The commit, as it will always be."""
        tree = self._git.tree(self._commit)
        return Revision(
            commit=self._commit,
            tree=tree,
            version=self._git.version(self._commit, dirty=False, name=self.name),
            date=self._git.date(self._commit),
            dirty=False,
            go_mod=self._git.file(tree, f"{module}/go.mod".removeprefix("./")),
        )

    def export(self, revision: Revision, target: Path, without: Sequence[str] = ()) -> None:
        """Write the files."""
        with scratch() as place:
            self._git.write(revision.tree, target, without, index=place / "index")

    def changed_since(self, reference: str) -> tuple[str, tuple[str, ...]]:
        """What the commits since then changed."""
        base = parting(self._git, self._commit, reference.removeprefix("origin/"), self.name)
        return base, changes(self._git, base, self._git.tree(self._commit))

    def _found(self, progress: Progress) -> str:
        """The commit; fetches unless it is named in full and there."""
        known = self._git.commit(self._asked) if _COMMIT.fullmatch(self._asked) else None
        return known or self._fetched(progress)

    def _fetched(self, progress: Progress) -> str:
        progress(f"fetching {self._url}")
        self._fetch(*_MIRRORED)
        for name in (f"refs/heads/{self._asked}", f"refs/tags/{self._asked}", self._asked):
            if commit := self._git.commit(name):
                return commit
        try:
            self._fetch(f"+{self._asked}:{_ASKED}")
        except UsageError as caught:
            raise UsageError(
                f"resolve the source {self.name}",
                last_seen=f"{self._url} has no branch, tag or commit {self._asked}",
                hint=f"list what it has: git ls-remote {self._url}",
            ) from caught
        found = self._git.commit(_ASKED)
        if found is None:
            raise UsageError(f"resolve the source {self.name}", last_seen=f"{self._asked} is not a commit")
        return found

    def _fetch(self, *wanted: str) -> None:
        attempt = f"fetch {self._url}"
        try:
            self._git.run(
                *("fetch", "--prune", "--quiet", "--no-write-fetch-head", "--no-auto-gc", "--", self._url, *wanted),
                attempt=attempt,
                timeout=_FETCH,
            )
        except BuildError as caught:
            lines = [line for line in caught.log_tail.splitlines() if line.startswith(("fatal:", "error:", "ssh:"))]
            raise UsageError(
                attempt,
                last_seen=lines[0] if lines else caught.last_seen,
                hint="check the address, and that git can read it without asking for a password",
            ) from caught


def _repository(folder: Path) -> Path:
    if not (folder / "HEAD").exists():
        folder.mkdir(parents=True, exist_ok=True)
        Git(folder).run("init", "--bare", "--quiet", attempt="make a repository in the cache")
    return folder


def _split(reference: str) -> tuple[str, str]:
    """``URL@REF``; a folder becomes absolute."""
    url, at, asked = reference.rpartition("@")
    if not at or not url or not asked or ":" in asked or url.startswith("-") or asked.startswith("-"):
        raise UsageError(
            f"read the source git:{reference}",
            last_seen="not of the form URL@REF",
            hint="an example is git:https://github.com/kubernetes/kubernetes@master",
        )
    if "://" in url and urlsplit(url).password:
        raise UsageError(
            f"read a source git:...@{asked}",
            last_seen="its URL holds a password, which would be written into reports",
            hint="let a credential helper of git answer for it",
        )
    folder = Path(url).expanduser()
    return (str(folder.absolute()), asked) if folder.is_dir() else (url, asked)
