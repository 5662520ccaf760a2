"""git as a value: one repository, the environment its commands run in.

A checkout is named by its user, so it is trusted as content although another account may own it (``safe.directory``); hooks and
file-system monitors in its configuration are commands, and are not run. git never asks for a password.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.builds.checkouts.stamp import DIGITS, is_semantic, version_of
from harness.builds.command import run
from harness.errors import BuildError, HarnessError, UsageError

_LIMIT = 300.0
"""Seconds for a command on the disk; those of a large work tree take two."""
_SETTINGS = {
    "safe.directory": "*",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "advice.detachedHead": "false",
}
_ENVIRONMENT: Mapping[str, str | None] = {
    # what a git that runs us (a hook, `git bisect run`) would make ours look at instead
    **dict.fromkeys(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")),
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True)
class Git:
    """Runs git in a folder."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        *arguments: str | Path,
        attempt: str,
        timeout: float = _LIMIT,
        error: type[HarnessError] = BuildError,
    ) -> str:
        """Standard output of a git command; raises ``error``."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        environment = {**_ENVIRONMENT, **self.environment}
        return run(
            ["git", *settings, *arguments], attempt, cwd=self.folder, timeout=timeout, env=environment, error=error
        )

    def commit(self, reference: str) -> str | None:
        """The commit that a reference names here, or None."""
        try:
            asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"]
            return self.run(*asked, attempt=f"find {reference}").strip()
        except BuildError:
            return None

    def tree(self, commit: str) -> str:
        """Hash of a commit's files."""
        return self.run("rev-parse", f"{commit}^{{tree}}", attempt=f"read {commit}").strip()

    def date(self, commit: str) -> str:
        """When it was committed, RFC 3339 in UTC."""
        zone = replace(self, environment={**self.environment, "TZ": "UTC"})
        form = "--date=format-local:%Y-%m-%dT%H:%M:%SZ"
        return zone.run("show", "--no-patch", form, "--format=%cd", commit, attempt=f"read {commit}").strip()

    def file(self, tree: str, path: str) -> str:
        """Text of a file in a tree; empty if there is none."""
        try:
            return self.run("cat-file", "blob", f"{tree}:{path}", attempt=f"read {path}")
        except BuildError:
            return ""

    def version(self, commit: str, *, dirty: bool, name: str) -> str:
        """The version by the nearest tag; raises ``UsageError`` if there is none."""
        attempt = f"find the version of {name}"
        try:
            found = self.run("describe", "--tags", "--match=v*", f"--abbrev={DIGITS}", commit, attempt=attempt)
        except BuildError as caught:
            raise UsageError(
                attempt,
                last_seen=f"no tag v* before commit {commit[:DIGITS]}",
                hint="fetch tags and history: git fetch --tags --unshallow",
            ) from caught
        version = version_of(found.strip(), dirty=dirty)
        if not is_semantic(version):
            raise UsageError(
                attempt, last_seen=f"{version} is not a semantic version", hint="tag it like upstream: v1.38.0-alpha.1"
            )
        return version

    def write(self, tree: str, target: Path, without: Sequence[str], *, index: Path) -> None:
        """Write the files of a tree into a folder; ``index`` is a scratch file."""
        place = self.run("rev-parse", "--absolute-git-dir", attempt="find the repository").strip()
        there = {"GIT_DIR": place, "GIT_WORK_TREE": str(target.absolute()), "GIT_INDEX_FILE": str(index)}
        writing = Git(target, {**self.environment, **there})
        attempt = f"write the files of tree {tree[:DIGITS]}"
        writing.run("read-tree", tree, attempt=attempt)
        if without:
            writing.run("rm", "-r", "--cached", "--quiet", "--ignore-unmatch", "--", *without, attempt=attempt)
        writing.run("checkout-index", "--all", "--force", attempt=attempt)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for index and objects that no repository should keep."""
    with tempfile.TemporaryDirectory(prefix="harness-git-") as folder:
        yield Path(folder)


def changes(git: Git, base: str, tree: str) -> tuple[str, ...]:
    """Paths that differ between a commit and a tree; a moved file counts with both of its names."""
    text = git.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", base, tree, attempt=f"compare with {base}")
    return tuple(sorted(filter(None, text.split("\0"))))


def parting(git: Git, commit: str, reference: str, name: str) -> str:
    """The commit where ``commit`` and ``reference`` part; raises ``UsageError`` if there is no such reference."""
    other = git.commit(reference)
    if other is None:
        raise UsageError(
            f"compare {name} with {reference}",
            last_seen=f"it has no branch, tag or commit {reference}",
            hint="fetch it first, and name it as git would: origin/master",
        )
    try:
        return git.run("merge-base", other, commit, attempt="find where they part").strip()
    except BuildError as caught:
        raise UsageError(
            f"compare {name} with {reference}",
            last_seen="they have no commit in common",
            hint="fetch more history: git fetch --unshallow",
        ) from caught
