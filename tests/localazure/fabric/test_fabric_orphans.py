"""What counts as nobody's: only a fabric whose state folder is gone and on which no server runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness.localazure.fabric.orphans import find_orphans


def claim(users: Path, name: str, state: str) -> None:
    users.mkdir(exist_ok=True)
    (users / name).write_text(f"{state}\n")


def test_a_fabric_without_its_folder_is_an_orphan_and_others_are_not(tmp_path: Path) -> None:
    users, gone, there = tmp_path / "users", tmp_path / "gone", tmp_path / "there"
    there.mkdir()
    claim(users, "hz0001", str(gone))
    claim(users, "hz0002", str(there))
    claim(users, "hz0003", "relative/path")
    claim(users, "limits.json", str(gone))
    assert [(orphan.state, orphan.why) for orphan in find_orphans(users)] == [(gone, "its state folder is gone")]


def test_a_fabric_on_which_a_server_runs_is_none(tmp_path: Path) -> None:
    users, gone = tmp_path / "users", tmp_path / "gone"
    claim(users, "hz0001", str(gone))
    with subprocess.Popen(
        [sys.executable, "-c", "print('ready', flush=True); input()", "--state", str(gone)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout
        server.stdout.readline()
        (orphan,) = [*find_orphans(users), None][:1]
        server.communicate(b"\n")
    assert orphan is None
    assert len(find_orphans(users)) == 1


def test_a_host_without_fabrics_has_no_orphans(tmp_path: Path) -> None:
    assert find_orphans(tmp_path / "users") == []
