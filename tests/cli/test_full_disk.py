"""A disk that is full when tests end: what was created is taken down all the same, and nobody takes the run for a good one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs.fakes import FileCloud

from harness.settings import load

from .project import Project

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
FILLING = """
import os, subprocess

def test_it(cluster):
    disk = os.statvfs("reports")
    used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    subprocess.run(["mount", "-o", f"remount,size={used}", "reports"], check=True)
    assert OUTCOME
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """The folder of reports on a disk of its own."""
    reports = tmp_path / "reports"
    reports.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30g", "none", reports], check=True)
    yield reports
    subprocess.run(["umount", reports], check=True)


@pytest.mark.parametrize("outcome", ["True", "False"])
def test_clusters_are_taken_down_though_nothing_can_be_written(project: Project, small: Path, outcome: str) -> None:
    (project.folder / "suites" / "passing" / "test_passing.py").write_text(FILLING.replace("OUTCOME", outcome))
    command = project.start("run", "--suite", "passing")
    code = command.wait()
    with FileCloud(load({"state": str(project.folder / "state")}, {}, project.folder)) as cloud:
        assert [group.name for group in cloud.groups({})] == [], command.text
    assert code not in (0, -9), command.text
    assert "No space left on device" in command.text
    assert "Traceback" not in command.text
