"""What a comparison fails on: new failures, too few tests, lost suites and cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.reporting.comparison.sides import compared

from .days import FAILED, PASSED, SKIPPED, Reports, harness


def test_gates(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--reports", str(reports.path))
    base = reports.run({"a": PASSED, "b": FAILED})
    worse = reports.run({"a": FAILED, "b": FAILED})
    same = reports.run({"a": PASSED, "b": FAILED})
    cut = reports.run({"a": PASSED}, ended="deploy")
    assert harness(worse, base, *place) == 0
    assert harness(worse, base, "--fail-on", "new", *place) == 1
    assert harness(same, base, "--fail-on", "new", *place) == 0
    assert harness(same, base, "--fail-on", "any", *place) == 1
    assert harness(cut, base, "--fail-on", "new", *place) == 3
    assert "says nothing about the product" in capsys.readouterr().out
    assert harness("nowhere", base, *place) == 2


def test_an_alarm_when_fewer_tests_are_executed(
    reports: Reports, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--reports", str(reports.path))
    many = {f"t{number}": PASSED for number in range(100)}
    base = reports.run(many)
    expected = tmp_path / "expected.yaml"
    assert harness(reports.run(many), base, "--write-expected", str(expected), *place) == 0
    assert "v1_37_2-kubeadm-westeurope.conformance: 100" in expected.read_text()
    within = reports.run({name: PASSED if index > 1 else SKIPPED for index, name in enumerate(many)})
    assert harness(within, base, "--expected", str(expected), *place) == 0
    below = reports.run({name: PASSED if index > 2 else SKIPPED for index, name in enumerate(many)})
    assert harness(below, base, "--expected", str(expected), *place) == 1
    assert "TOO FEW TESTS  v1_37_2-kubeadm-westeurope.conformance: 97 executed, 100 expected" in capsys.readouterr().out
    gone = reports.run({"x": PASSED}, suite="volumes")
    assert harness(gone, base, "--expected", str(expected), *place) == 1
    assert harness(gone, base, "--expected", str(expected), "--partial", *place) == 0
    later = reports.run(many, versions=("v1.37.3",))
    assert harness(later, base, "--expected", str(expected), *place) == 0
    expected.write_text("executed: {conformance: many}")
    assert harness(within, base, "--expected", str(expected), *place) == 2
    assert "conformance: 'many' is not allowed" in capsys.readouterr().err


def test_an_alarm_when_a_cell_is_lost(reports: Reports, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of three, for example: what the third executes is all that is expected of it."""
    place = ("--reports", str(reports.path))
    expected = tmp_path / "expected.yaml"
    all_cells = reports.run({"a": PASSED, "b": PASSED}, versions=("v1.35.8", "v1.36.3", "v1.37.2"))
    assert harness(all_cells, all_cells, "--write-expected", str(expected), *place) == 0
    assert harness(all_cells, all_cells, "--expected", str(expected), *place) == 0
    one = reports.run({"a": PASSED, "b": PASSED}, versions=("v1.36.3",))
    capsys.readouterr()
    assert harness(one, all_cells, "--expected", str(expected), *place) == 1
    out = capsys.readouterr().out
    assert "TOO FEW TESTS  v1_35_8-kubeadm-westeurope.conformance: 0 executed, 2 expected" in out
    assert "TOO FEW TESTS  v1_37_2-kubeadm-westeurope.conformance: 0 executed, 2 expected" in out
    assert "v1_36_3-kubeadm-westeurope.conformance: " not in out
    assert harness(one, all_cells, "--expected", str(expected), "--partial", *place) == 0
    fewer = reports.run({"a": PASSED, "b": SKIPPED}, versions=("v1.36.3",))
    assert harness(fewer, all_cells, "--expected", str(expected), "--partial", *place) == 1
    idle = reports.run({"a": SKIPPED, "b": SKIPPED}, versions=("v1.36.3",))
    assert harness(idle, all_cells, "--expected", str(expected), "--partial", *place) == 1


def test_a_suite_without_a_cell_is_expected_of_every_other_cell(reports: Reports, tmp_path: Path) -> None:
    expected = tmp_path / "expected.yaml"
    expected.write_text("executed: {conformance: 2, v1_36_3-kubeadm-westeurope.conformance: 1}")
    place = ("--expected", str(expected), "--reports", str(reports.path))
    base = reports.run({"a": PASSED})
    run = reports.run({"a": PASSED}, versions=("v1.36.3", "v1.37.2"))
    assert harness(run, base, *place) == 1
    assert harness(reports.run({"a": PASSED, "b": PASSED}, versions=("v1.36.3", "v1.37.2")), base, *place) == 0


def test_a_suite_that_is_lost_as_a_whole(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    """In every cell or in one; each is a line, not hundreds."""
    place = ("--reports", str(reports.path))
    base = reports.run({"a": PASSED, "b": PASSED, "c": SKIPPED}, versions=("v1.36.3", "v1.37.2"))
    run = reports.run({"x": PASSED}, versions=("v1.36.3", "v1.37.2"), suite="volumes")
    found = compared(reports.path, run, base, {})
    assert [(item.what, item.expected) for item in found.lost] == [
        ("v1_36_3-kubeadm-westeurope.conformance", 2),
        ("v1_37_2-kubeadm-westeurope.conformance", 2),
    ]
    assert found.vanished == ()
    one = reports.run({"a": PASSED, "b": PASSED}, versions=("v1.37.2",))
    capsys.readouterr()
    assert harness(one, base, "--fail-on", "vanished", *place) == 1
    out = capsys.readouterr().out
    assert "1 suite not in this run" in out
    assert "  v1_36_3-kubeadm-westeurope.conformance: 2 tests executed in the base" in out
    assert harness(one, base, "--fail-on", "vanished", "--partial", *place) == 0
    assert "not in this run" not in capsys.readouterr().out
    assert harness(one, base, "--format", "json", *place) == 0
    assert json.loads(capsys.readouterr().out)["lost"][0]["expected"] == 2
