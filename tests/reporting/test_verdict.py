"""One outcome of a run: what its report says, and what only its processes know."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import Outcome
from harness.reporting.verdict import verdict
from harness.runs.folder import RunFolder

from .synthetic import CELL, Folder, result


def ended(path: Path, *results: object) -> Folder:
    folder = Folder(path)
    folder.up()
    folder.results([item for item in results if item])  # type: ignore[misc]
    folder.phase("test", 60)
    folder.down()
    folder.ended()
    return folder


@pytest.mark.parametrize(
    ("code", "aborted", "expected"),
    [
        (0, False, Outcome.PASSED),
        (1, False, Outcome.FAILED),
        (2, False, Outcome.ABORTED),
        (3, False, Outcome.HARNESS),
        (-9, False, Outcome.HARNESS),
        (0, True, Outcome.ABORTED),
    ],
)
def test_how_pytest_ended_counts_where_no_test_explains_it(
    tmp_path: Path, code: int, aborted: bool, expected: Outcome
) -> None:
    ended(tmp_path, result("one"))
    assert verdict(RunFolder(tmp_path), code, aborted=aborted) is expected


def test_a_planned_test_without_a_result_is_never_a_pass(tmp_path: Path) -> None:
    folder = ended(tmp_path, result("one"))
    folder.planned([{"nodeid": "suites/volumes/test_disk.py::test_a", "cell": CELL, "suite": "volumes", "name": "a"}])
    assert verdict(RunFolder(tmp_path), 0, aborted=False) is Outcome.HARNESS


def test_a_repeated_test_that_passed_is_flaky(tmp_path: Path) -> None:
    ended(tmp_path, result("one", Outcome.FAILED), result("one"))
    assert verdict(RunFolder(tmp_path), 0, aborted=False) is Outcome.FLAKY


def test_nothing_at_all_is_nothing_ran(tmp_path: Path) -> None:
    ended(tmp_path)
    assert verdict(RunFolder(tmp_path), 5, aborted=False) is Outcome.SKIPPED
