"""The summary for GitHub's checks."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from harness import reporting
from harness.errors import Outcome
from harness.reporting.markdown import LIMIT, escape, render
from harness.reporting.model import load
from harness.reporting.writer import compared
from harness.runs.changes.picks import Pick

from .days import FAILED, FLAKY, PASSED, Reports
from .synthetic import CELL, Folder, result

TRACK = "v1_37_2-kubeadm-westeurope"


def test_new_failures_come_first_and_known_flakes_apart(tmp_path: Path) -> None:
    reports = Reports(tmp_path)
    for outcome in (PASSED, FAILED, PASSED, FAILED, PASSED):
        reports.run({"restless": outcome, "steady": PASSED, "old": FAILED})
    run = reports.run({"restless": FAILED, "steady": FAILED, "old": FAILED, "lucky": FLAKY})
    report = reporting.write(tmp_path / run)
    text = (tmp_path / run / "summary.md").read_text()
    assert report.warnings == ()
    order = [
        text.index(title)
        for title in (
            "### New failures (1)",
            "Failures of tests known to be flaky",
            "Still failing (1)",
            "Passed only when repeated (1)",
        )
    ]
    assert order == sorted(order)
    assert "- **conformance: steady**<br>no endpoints" in text
    assert "What ran, and why" in text
    assert "(index.html)" in text
    assert f"(https://ci.example.org/{run}/index.html)" in render(report, None, f"https://ci.example.org/{run}")


def test_what_a_change_cannot_break_is_not_gone(tmp_path: Path) -> None:
    """A nightly has tests that a pull request's run was never meant to have."""
    reports = Reports(tmp_path)
    nightly = reports.run({"core": PASSED, "storage": PASSED})
    run = reports.run({"core": FAILED})
    report = load(tmp_path / run)
    cases = [
        {"className": f"{TRACK}.suites", "name": name, "status": "PASSED", "duration": 1.0}
        for name in ("disk", "snapshot")
    ]
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({"suites": [{"name": f"{TRACK}.volumes", "cases": cases}]}))
    for picked, lost in ((False, 1), (True, 0)):
        _, found = compared(replace(report, picked=picked), str(saved))
        assert found is not None
        assert len(found.lost) == lost
    for picked, gone in ((False, 1), (True, 0)):
        _, found = compared(replace(report, picked=picked), nightly)
        assert found is not None
        assert (len(found.new), len(found.vanished)) == (1, gone)
    raw = json.loads((tmp_path / run / "plan.json").read_text())
    raw["plan"]["picks"] = [asdict(Pick("conformance", why=("core set, always",)))]
    (tmp_path / run / "plan.json").write_text(json.dumps(raw))
    assert load(tmp_path / run).picked


def test_it_always_fits_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.results(
        result(f"[sig-apps] Job {number} ünïcödé", Outcome.FAILED, message="détails " * 50) for number in range(900)
    )
    folder.results(result(f"flaky {number}", Outcome.FLAKY, message="later " * 30) for number in range(300))
    folder.ended("failed")
    report = load(tmp_path)
    for limit in (LIMIT, 10_000, 3_000, 100):
        text = render(report, limit=limit)
        assert len(text.encode()) <= limit
    text = render(report)
    assert len(text.encode()) > LIMIT - 2_000
    assert "### Failures (900)" in text
    assert text.count("- **conformance: ") < 900
    assert "more\n" in text


def test_a_cell_that_never_came_up_is_one_line(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.started()
    folder.phase("up", 300, "deploy", message="bring cluster up; last seen: node-2 NotReady")
    folder.planned([f"suites/conformance/specs.yaml::t{number}" for number in range(462)])
    folder.ended("deploy")
    text = render(load(tmp_path))
    assert "### Phases that failed (1)" in text
    assert text.count("NotReady") == 2  # once more as the reason of 462 tests
    assert CELL in text


def test_a_run_narrowed_by_a_change_says_why(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    path = tmp_path / "plan.json"
    raw = json.loads(path.read_text())
    raw["settings"]["changed_since"] = "origin/master"
    why = ["pkg/proxy/iptables/proxier.go: kube-proxy", "always"]
    raw["plan"]["picks"] = [{"suite": "loadbalancer", "whole": True, "specs": [], "files": [], "why": why}]
    path.write_text(json.dumps(raw))
    text = render(load(tmp_path))
    assert "- what changed since origin/master\n- loadbalancer: pkg/proxy/iptables/proxier.go: kube-proxy\n" in text


def test_nothing_in_a_test_becomes_markup() -> None:
    assert escape("# `x` <b>|</b>\n@maria https://e.org [a](b)") == (
        "\\# \\`x\\` &lt;b&gt;\\|&lt;/b&gt; &#64;maria https:&#47;&#47;e.org \\[a\\]\\(b\\)"
    )
