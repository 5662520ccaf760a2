"""What was collected about failures, and what tests left, where people and Jenkins look for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.clusters.failures.api import MANIFEST, Evidence, Kept
from harness.clusters.leftovers.api import Leftover, Leftovers
from harness.errors import Outcome
from harness.reporting.words import size

from .synthetic import CELL, START, Folder, result
from .test_reports import suites, write

FAILED = result(
    "[sig-apps] Job fails", nodeid="suites/c/specs.yaml::[sig-apps] Job fails", outcome=Outcome.FAILED, started=START + 5,
    message="it failed", stdout="no line end",
)  # fmt: skip


def collected(folder: Folder, number: int, started: float, *files: Kept, problems: tuple[str, ...] = ()) -> Path:
    path = folder.path / "cells" / CELL / "failures" / f"{number:03d}-sig-apps-job-fails"
    path.mkdir(parents=True)
    for kept in files:
        (path / kept.name).parent.mkdir(parents=True, exist_ok=True)
        (path / kept.name).write_text("x" * kept.bytes)
    (path / MANIFEST).write_text(Evidence(FAILED.nodeid, started, 0.0, 1.0, (), files, problems, 0.5).dump())
    return path


def failed_run(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.up()
    folder.results([FAILED])
    return folder


def end(folder: Folder) -> str:
    folder.down()
    folder.ended("failed")
    write(folder)
    return (folder.path / "index.html").read_text()


def test_a_failure_links_its_evidence(tmp_path: Path) -> None:
    folder = failed_run(tmp_path)
    path = collected(
        folder, 1, FAILED.started, Kept("events.txt", 5_200), Kept("job-1/p.log", 900, 77),
        problems=("job-1/p.log: 77 characters left out",),
    )  # fmt: skip
    collected(folder, 2, 1.0, Kept("of-another-attempt.txt", 5))
    page = end(folder)
    links = re.findall(r'href="(cells/[^"]*failures[^"]*)"', page)
    assert links == [f"cells/{CELL}/failures/001-sig-apps-job-fails/{name}" for name in ("events.txt", "job-1/p.log")]
    assert all((folder.path / link).is_file() for link in links)
    assert "77 characters left out" in page
    [case] = suites(folder)[f"junit_{CELL}_conformance.xml"]
    assert case.system_out.splitlines()[-3:] == [
        "no line end",
        f"[[ATTACHMENT|{path / 'events.txt'}]]",
        f"[[ATTACHMENT|{path / 'job-1/p.log'}]]",
    ]


@pytest.mark.parametrize("text", ["", "{", '{"nodeid": 1}', "[]"])
def test_a_half_written_manifest_is_passed_over(tmp_path: Path, text: str) -> None:
    folder = failed_run(tmp_path)
    (collected(folder, 1, FAILED.started) / MANIFEST).write_text(text)
    (folder.path / "cells" / CELL / "leftovers.json").write_text(text)
    page = end(folder)
    assert "Evidence (" not in page
    assert "Left behind by tests" not in page


def test_leftovers_are_listed_with_their_tests_and_fail_nothing(tmp_path: Path) -> None:
    folder = failed_run(tmp_path)
    role = Leftover("ClusterRole", "left-<role>", "", START + 6, False, "", (FAILED.nodeid,), "made while it ran")
    rule = Leftover("loadBalancers/loadBalancingRules", "kubernetes/a1", "lb-1", 0.0, True, "", (), "unknown")
    stuck = Leftover("Namespace", "lb-1", "", START, False, "its deletion began 70 s ago and has not ended", (), "?")
    Leftovers(START + 9, (role, rule, stuck), ("Widget: HTTP 503",)).save(
        folder.path / "cells" / CELL / "leftovers.json"
    )
    folder.phase("leftovers", 0.4)
    page = end(folder)
    table = page[page.index('id="leftovers"') :]
    assert "left-&lt;role&gt;" in table
    assert f'<a href="#f1">{FAILED.name}</a>' in table
    assert "its deletion began 70 s ago" in table
    assert "Widget: HTTP 503" in table
    [case] = [case for case in suites(folder)[f"junit_lifecycle_{CELL}.xml"] if case.name == "leftovers"]
    assert case.result == []
    assert "ClusterRole left-<role>: [sig-apps] Job fails (made while it ran)" in case.system_out


def test_sizes_are_short() -> None:
    assert [size(number) for number in (0, 999, 1_000, 52_340, 999_600, 1_234_567)] == [
        "0 B", "999 B", "1 KB", "52 KB", "1.0 MB", "1.2 MB",
    ]  # fmt: skip
