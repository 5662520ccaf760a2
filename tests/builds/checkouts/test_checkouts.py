"""Work trees and clones: content by git's own hash, versions by tags, nothing changed in what is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.builds.cache import Cache
from harness.builds.checkouts.clone import Clone
from harness.builds.checkouts.worktree import WorkTree
from harness.errors import BuildError, UsageError

from ..trees import commit, git, repository, write

TREE = {"go.mod": "module example.org/x\n", "a.go": "package x\n", "vendor/v.go": "package v\n", ".gitignore": "/out\n"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return repository(tmp_path / "checkout", TREE)


def state(folder: Path) -> dict[str, bytes]:
    """Every file of a repository."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_clean_tree_is_its_commit(checkout: Path) -> None:
    found = WorkTree(checkout).revision()
    assert found.commit == git(checkout, "rev-parse", "HEAD")
    assert found.tree == git(checkout, "rev-parse", "HEAD^{tree}")
    assert (found.version, found.dirty, found.state) == ("v1.37.2", False, "clean")
    assert found.date == "2026-10-27T12:01:04Z"
    assert found.go_mod == "module example.org/x\n"


def test_a_commit_after_the_tag_is_in_the_version(checkout: Path) -> None:
    write(checkout, {"b.go": "package x\n"})
    head = commit(checkout, "more")
    assert WorkTree(checkout).revision().version == f"v1.37.2-1+{head[:14]}"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.go").write_text("package x // changed\n"),
        lambda folder: (folder / "new.go").write_text("package x\n"),
        lambda folder: (folder / "a.go").unlink(),
        lambda folder: (folder / "a.go").chmod(0o755),
    ],
)
def test_what_is_not_committed_counts(checkout: Path, change: Callable[[Path], object]) -> None:
    before = WorkTree(checkout).revision()
    change(checkout)
    found = WorkTree(checkout).revision()
    assert (found.version, found.state) == ("v1.37.2-dirty", "dirty")
    assert found.identity != before.identity
    assert found.commit == before.commit


def test_a_change_taken_back_and_ignored_files_do_not(checkout: Path) -> None:
    before = WorkTree(checkout).revision()
    text = (checkout / "a.go").read_text()
    (checkout / "a.go").write_text("package y\n")
    (checkout / "a.go").write_text(text)
    (checkout / "out").mkdir()
    (checkout / "out/binary").write_text("x")
    assert WorkTree(checkout).revision() == before


def test_the_same_files_have_the_same_tree_elsewhere(checkout: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(checkout), "other")
    for folder in (checkout, tmp_path / "other"):
        (folder / "a.go").write_text("package x // changed\n")
    assert WorkTree(checkout).revision() == WorkTree(tmp_path / "other").revision()


def test_looking_and_exporting_change_nothing(checkout: Path, tmp_path: Path) -> None:
    (checkout / "new.go").write_text("package x\n")
    before = state(checkout)
    found = WorkTree(checkout)
    target = tmp_path / "target"
    target.mkdir()
    found.export(found.revision(), target, without=("vendor",))
    assert state(checkout) == before
    assert sorted(path.name for path in target.iterdir()) == [".gitignore", "a.go", "go.mod", "new.go"]


def test_a_change_while_building_is_noticed(checkout: Path, tmp_path: Path) -> None:
    tree = WorkTree(checkout)
    revision = tree.revision()
    (checkout / "a.go").write_text("package x // changed\n")
    with pytest.raises(BuildError, match="files changed after they were looked at"):
        tree.export(revision, tmp_path)


def test_a_linked_work_tree(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    (tmp_path / "linked/a.go").write_text("package x // changed\n")
    assert WorkTree(tmp_path / "linked").revision().dirty
    assert not WorkTree(checkout).revision().dirty


def test_changed_since_counts_from_where_branches_part(checkout: Path) -> None:
    fork = git(checkout, "rev-parse", "HEAD")
    git(checkout, "switch", "--quiet", "--create", "topic")
    write(checkout, {"b.go": "package x\n"})
    commit(checkout, "topic")
    git(checkout, "mv", "a.go", "c.go")
    write(checkout, {"untracked.go": "package x\n"})
    git(checkout, "switch", "--quiet", "--detach", "master")
    git(checkout, "switch", "--quiet", "topic")
    assert WorkTree(checkout).changed_since("master") == (fork, ("a.go", "b.go", "c.go", "untracked.go"))
    with pytest.raises(UsageError, match="no branch, tag or commit nope"):
        WorkTree(checkout).changed_since("nope")


def test_hooks_and_monitors_of_a_checkout_do_not_run(checkout: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", str(program))
    git(checkout, "config", "core.hooksPath", str(tmp_path))
    (tmp_path / "post-index-change").symlink_to(program)
    WorkTree(checkout).revision()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "nowhere", "no such folder"),
        (lambda folder: folder, "not a git checkout"),
        (lambda folder: folder / "checkout/vendor", "only a part of the checkout"),
    ],
)
def test_what_is_no_checkout(checkout: Path, tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        WorkTree(make(tmp_path))


def test_no_commit_and_no_tag(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "fresh")
    with pytest.raises(UsageError, match="no commit"):
        WorkTree(tmp_path / "fresh").revision()
    write(tmp_path / "fresh", TREE)
    commit(tmp_path / "fresh", "all")
    with pytest.raises(UsageError, match=r"no tag v\* before commit .*git fetch --tags"):
        WorkTree(tmp_path / "fresh").revision()


@pytest.fixture
def clone(tmp_path: Path) -> Callable[[str], Clone]:
    return lambda reference: Clone(reference, Cache(tmp_path / "cache"), print)


def test_a_branch_a_tag_and_a_commit(checkout: Path, clone: Callable[[str], Clone]) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    for reference in (
        f"{checkout}@master",
        f"file://{checkout}@v1.37.2",
        f"{checkout}@{head}",
        f"{checkout}@{head[:12]}",
    ):
        found = clone(reference)
        assert found.revision() == WorkTree(checkout).revision()
        assert found.reference.endswith(f"@{head}")


def test_a_branch_moves_and_a_commit_stays(
    checkout: Path, clone: Callable[[str], Clone], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = clone(f"{checkout}@master")
    write(checkout, {"b.go": "package x\n"})
    head = commit(checkout, "more")
    second = clone(f"{checkout}@master")
    assert second.revision().commit == head != first.revision().commit
    assert second.changed_since("v1.37.2")[1] == ("b.go",)
    capsys.readouterr()
    checkout.rename(tmp_path / "gone")
    (tmp_path / "target").mkdir()
    again = Clone(f"{checkout}@{head}", Cache(tmp_path / "cache"), print) if checkout.is_dir() else None
    assert again is None  # a folder that is gone is a URL of its own kind
    second.export(second.revision(), tmp_path / "target")
    assert (tmp_path / "target/b.go").read_text() == "package x\n"


def test_a_commit_that_is_there_needs_no_remote(checkout: Path, clone: Callable[[str], Clone], tmp_path: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    url = f"file://{checkout}"
    clone(f"{url}@master")
    checkout.rename(tmp_path / "gone")
    assert clone(f"{url}@{head}").revision().commit == head
    with pytest.raises(UsageError, match="does not appear to be a git repository"):
        clone(f"{url}@master")


def test_the_merge_of_a_pull_request(checkout: Path, clone: Callable[[str], Clone]) -> None:
    git(checkout, "switch", "--quiet", "--create", "topic")
    write(checkout, {"b.go": "package x\n"})
    merge = commit(checkout, "topic")
    git(checkout, "update-ref", "refs/pull/7/merge", merge)
    git(checkout, "switch", "--quiet", "master")
    git(checkout, "branch", "--quiet", "-D", "topic")
    assert clone(f"{checkout}@refs/pull/7/merge").revision().commit == merge


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("{}", "not of the form URL@REF"),
        ("{}@", "not of the form URL@REF"),
        ("git@github.com:kubernetes/kubernetes", "not of the form URL@REF"),
        ("--upload-pack=touch@master", "not of the form URL@REF"),
        ("{}@--all", "not of the form URL@REF"),
        ("{}@nope", "has no branch, tag or commit nope"),
        ("{}-nowhere@master", "does not appear to be a git repository|does not exist"),
        ("https://user:secret@example.org/x@master", "a password"),
    ],
)
def test_wrong_references(checkout: Path, clone: Callable[[str], Clone], reference: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        clone(reference.format(checkout))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
