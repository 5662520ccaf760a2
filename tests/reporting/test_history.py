"""The index over a folder of runs, and its page."""

from __future__ import annotations

import sqlite3

import pytest

from harness.reporting.history.index import FILE, history
from harness.reporting.history.page import render, rows

from .days import FAILED, PASSED, Reports


def test_the_index_follows_changed_and_removed_runs_and_a_run_in_progress(reports: Reports) -> None:
    first = reports.run({"a": PASSED})
    second = reports.run({"a": PASSED})
    with history(reports.path) as past:
        assert [run.run for run in past.runs] == [first, second]
    results = reports.path / second / "results.jsonl"
    results.write_text(results.read_text().replace('"passed"', '"failed"'))
    for path in (reports.path / first).iterdir():
        path.unlink()
    with history(reports.path) as past:
        assert [(run.run, run.failed) for run in past.runs] == [(second, 1)]


@pytest.mark.parametrize("damage", ["text", "zeros", "schema", "other"])
def test_a_damaged_index_is_made_anew(reports: Reports, damage: str) -> None:
    run = reports.run({"a": PASSED})
    with history(reports.path):
        pass
    path = reports.path / FILE
    if damage == "text":
        path.write_text("this is no database, and long enough to be taken for one" * 100)
    elif damage == "zeros":
        content = path.read_bytes()
        path.write_bytes(content[:4096] + bytes(len(content) - 4096))
    else:
        with sqlite3.connect(path) as database:
            database.execute("drop table results" if damage == "schema" else "pragma user_version = 99")
    with history(reports.path) as past:
        assert [case.name for case in past.cases(run)] == ["a"]


def test_a_folder_that_cannot_be_written_still_has_a_history(reports: Reports) -> None:
    run = reports.run({"a": PASSED})
    (reports.path / FILE).mkdir()  # whatever root may do, it cannot write a file here
    with history(reports.path) as past:
        assert past.find(run) is not None


def test_the_history_page_has_every_run_and_only_restless_tests(reports: Reports) -> None:
    for outcome in (PASSED, FAILED, PASSED):
        reports.run({"restless <b>": outcome, "steady": PASSED})
    with history(reports.path) as past:
        (row,) = rows(past, list(reversed(past.runs)))
        page = render(past)
    assert (row.key[2], row.outcomes) == ("conformance.sig-apps.job::restless <b>", (PASSED, FAILED, PASSED))
    assert all(run.run in page for run in past.runs)
    assert "restless &lt;b&gt;" in page
    assert "steady" not in page
    assert "<script" not in page
