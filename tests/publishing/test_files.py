"""What is published of a run, as a zip and as files."""

from __future__ import annotations

import json
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import harness.publishing
from harness.errors import UsageError
from harness.jenkins.patience import Patience
from harness.publishing.api import Publication
from harness.publishing.archive import members, pack
from harness.publishing.files import FolderPublisher
from harness.publishing.ingest import IngestPublisher
from harness.publishing.targets import publisher
from harness.reporting.jenkins.view import view

from .killing import in_a_child

Make = Callable[[], Publication]
SECRET = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJoYXJuZXNzIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4"


def quiet(_: str) -> None:
    """Nobody listens."""


def test_only_what_may_be_seen(make: Make, tmp_path: Path) -> None:
    told = make()
    (told.folder / "cells" / "a").mkdir(parents=True)
    (told.folder / "cells" / "a" / "kubeconfig").write_text("token: very-secret")
    (told.folder / "artifacts" / ".junit_half.xml").write_text("<")
    (told.folder / "artifacts" / "link").symlink_to(told.folder / "plan.json")
    with zipfile.ZipFile(pack(told.folder, tmp_path / "run.zip", "reports")) as archive:
        names = archive.namelist()
    assert names == members(told.folder)
    assert {"index.html", "summary.md", "finished.json", "results.jsonl"} < set(names)
    assert not [name for name in names if name.startswith("cells") or "plan" in name or "/." in name or "link" in name]


def test_what_a_writer_forgot_to_mask(make: Make, tmp_path: Path) -> None:
    told = make()
    (told.folder / "build-log.txt").write_text(f"Authorization: Bearer {SECRET}\n")
    pack(told.folder, tmp_path / "run.zip", "reports")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert SECRET not in archive.read("build-log.txt").decode()
    (told.folder / ".published.json").unlink(missing_ok=True)


def test_the_same_bytes_again(make: Make, tmp_path: Path) -> None:
    told = make()
    assert pack(told.folder, tmp_path / "a", "x").read_bytes() == pack(told.folder, tmp_path / "b", "x").read_bytes()


def test_attachments_point_to_where_they_lie(make: Make, tmp_path: Path) -> None:
    told = make()
    (told.folder / "artifacts" / "shot.png").write_bytes(b"\x89PNG")
    evidence = told.folder / "cells" / "a" / "events.txt"
    lines = "\n".join(
        f"[[ATTACHMENT|{path}]]" for path in (told.folder / "artifacts" / "shot.png", evidence, "/elsewhere")
    )
    case = f'<testcase name="t" classname="a.b"><system-out>{lines}</system-out></testcase>'
    (told.folder / "artifacts" / "junit_x.xml").write_text(f'<testsuite name="a">{case}</testsuite>')
    pack(told.folder, tmp_path / "run.zip", f"reports/{told.run}")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        archive.extractall(tmp_path / "x")
    out = view([tmp_path / "x" / "artifacts" / "junit_x.xml"]).cases[0].stdout.splitlines()
    assert out == [
        f"[[ATTACHMENT|reports/{told.run}/artifacts/shot.png]]",
        "evidence in the run's folder: cells/a/events.txt",
        "[[ATTACHMENT|/elsewhere]]",
    ]


def test_a_folder(make: Make, tmp_path: Path) -> None:
    told, target = make(), tmp_path / "public"
    first = FolderPublisher(target).publish(told, quiet)
    assert (first.where, first.already) == (str(target / told.run), False)
    junit = sorted((target / told.run / "artifacts").glob("junit_*.xml"))
    assert view(junit).count("FAILED") == 1
    assert (target / told.run / "display-name.txt").read_text() == told.display_name
    assert json.loads((target / told.run / "publication.json").read_text())["badge"] == told.badge
    inode = junit[0].stat().st_ino
    assert FolderPublisher(target).publish(told, quiet).already
    assert junit[0].stat().st_ino == inode
    (told.folder / "summary.md").write_text("changed")
    assert not FolderPublisher(target).publish(told, quiet).already
    assert (target / told.run / "summary.md").read_text() == "changed"
    assert sorted(path.name for path in target.iterdir()) == [".publish.lock", told.run]


def test_killed_while_writing(make: Make, tmp_path: Path) -> None:
    """Whatever is there is whole; the next one completes it and leaves nothing behind."""
    told, target = make(), tmp_path / "public"
    steps = (Path(harness.publishing.__file__).with_name("files.py"),)
    FolderPublisher(target).publish(told, quiet)
    killed, line = signal.SIGKILL, 1
    while killed:
        (told.folder / "summary.md").write_text(f"version {line}")
        killed, _ = in_a_child(lambda: FolderPublisher(target).publish(told, quiet), steps, line)
        line += 1
        there = target / told.run
        assert not there.exists() or len(list(there.rglob("*.*"))) == len(members(told.folder)) + 3
        FolderPublisher(target).publish(told, quiet)
        assert (there / "summary.md").read_text() == f"version {line - 1}"
        assert sorted(path.name for path in target.iterdir()) == [".publish.lock", told.run]
    assert line > 20


def test_bad_folders(make: Make, tmp_path: Path) -> None:
    told = make()
    with pytest.raises(UsageError, match="is the run's own folder"):
        FolderPublisher(told.folder.parent).publish(told, quiet)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        FolderPublisher(tmp_path / "file").publish(told, quiet)


def test_where_to() -> None:
    patience = Patience(0.0)
    inside = {"JENKINS_URL": "https://ci", "BUILD_URL": "https://ci/job/x/1/", "WORKSPACE": "/w"}
    assert isinstance(publisher("https://ci.example.org/", {}, patience), IngestPublisher)
    assert publisher("/srv/runs", inside, patience) == FolderPublisher(Path("/srv/runs"))
    assert publisher("", inside, patience) == FolderPublisher(Path("/w/published"))
    with pytest.raises(UsageError, match="--to is not given"):
        publisher("", {"JENKINS_URL": "https://ci"}, patience)
