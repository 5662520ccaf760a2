"""index.html: one file, no request to anywhere, readable on a phone, on paper, in the dark, and without scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.errors import Outcome
from harness.reporting import charts, words
from harness.reporting.api import TestResult
from harness.reporting.record import BAD, CellRecord, Report, was_run
from harness.runs.api import Phase

_FOLDER = Path(__file__).parent / "html"
_SLOWEST = 10


def render(report: Report) -> str:
    """The whole page."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": words.duration, "kind": words.kind, "moment": words.moment, "size": words.size}
    environment.filters["collected"] = report.evidence
    template = environment.get_template("index.html.j2")
    return template.render(**_view(report))


def _view(report: Report) -> dict[str, Any]:
    why, command = words.next_command(report)
    if report.outcome not in BAD and not report.left and not report.running:
        command = ""  # the next thing would be to look at this page
    numbers = {
        test.nodeid + "\0" + test.cell: index for index, test in enumerate(filter(was_run, report.failed_tests), 1)
    }
    return {
        "report": report,
        "css": (_FOLDER / "page.css").read_text(),
        "js": (_FOLDER / "page.js").read_text(),
        "verdict": words.verdict(report),
        "tone": "run" if report.running else words.kind(report.outcome),
        "summary": words.summary(report),
        "counts": [(outcome, report.counts[outcome]) for outcome in words.ORDER if report.counts[outcome]],
        "facts": _facts(report),
        "cells": [(cell, _cell_facts(cell)) for cell in report.cells],
        "groups": _groups(report),
        "failed_phases": report.failed_phases,
        "failures": [test for test in report.failed_tests if was_run(test)],
        "repeated": [test for test in report.tests if test.earlier and test.outcome not in BAD],
        "unrun": _reasons(test for test in report.tests if not was_run(test)),
        "leftovers": [(cell, item) for cell in report.cells for item in cell.leftovers],
        "unseen": [(cell, problem) for cell in report.cells for problem in cell.unseen],
        "by_nodeid": {test.nodeid: test for test in report.tests},
        "skipped": _reasons(test for test in report.tests if was_run(test) and test.outcome is Outcome.SKIPPED),
        "numbers": numbers,
        "timelines": charts.phases(report),
        "workers": charts.workers(report),
        "matrices": charts.matrices(report),
        "tests": sorted(report.tests, key=lambda test: (words.ORDER.index(test.outcome), test.started)),
        "slowest": report.slowest(_SLOWEST),
        "why": why,
        "command": command,
        "files": _files(report),
    }


def _facts(report: Report) -> list[tuple[str, str]]:
    facts = [
        ("Run", report.run),
        ("Cloud", "local Azure" if report.cloud == "local" else report.cloud.capitalize()),
        ("Kubernetes", _all(cell.version for cell in report.cells)),
        ("Deployer", _all(cell.cell.deployer for cell in report.cells)),
        ("Location", _all(cell.cell.location for cell in report.cells)),
        ("Nodes", _nodes(report)),
        ("Started", words.moment(report.started)),
        ("Took", words.duration(report.seconds)),
        ("Owner", report.owner),
    ]
    return [(name, value) for name, value in facts if value]


def _nodes(report: Report) -> str:
    counts = set()
    for cell in report.cells:
        control_planes = sum(node.role == "control-plane" for node in cell.nodes)
        workers = words.counted(len(cell.nodes) - control_planes, "worker")
        if cell.nodes:
            counts.add(f"{control_planes} control plane, {workers}")
    return " / ".join(sorted(counts))


def _cell_facts(cell: CellRecord) -> list[tuple[str, str]]:
    facts = [
        ("Source", cell.cell.source),
        ("Version", cell.version),
        ("Deployer", cell.cell.deployer),
        ("Location", cell.cell.location),
    ]
    facts += [(name.capitalize(), value) for name, value in cell.cluster_facts.items()]
    if proof := cell.phase(Phase.PROOF):
        facts.append(("Conformance", proof.message))
    return facts


def _all(values: Any) -> str:
    return ", ".join(dict.fromkeys(values))


def _groups(report: Report) -> list[dict[str, Any]]:
    """A row a cell and suite: counts and time."""
    rows = []
    for (cell, suite), tests in report.groups().items():
        shares = [(outcome, sum(test.outcome is outcome for test in tests)) for outcome in words.ORDER]
        ran = [test for test in tests if test.started]
        wall = max((test.started + test.seconds for test in ran), default=0.0) - min(
            (test.started for test in ran), default=0.0
        )
        rows.append(
            {
                "cell": cell,
                "suite": suite,
                "total": len(tests),
                "bad": sum(test.outcome in BAD for test in tests),
                "shares": [(outcome, number) for outcome, number in shares if number],
                "wall": wall,
                "sum": sum(test.seconds for test in tests),
            }
        )
    return rows


def _reasons(tests: Iterable[TestResult]) -> list[tuple[str, int]]:
    """(reason, how many tests): never one entry a test."""
    counts = Counter(test.message for test in tests)
    return counts.most_common()


def _files(report: Report) -> list[str]:
    names = ["build-log.txt", "results.jsonl", "ledger.jsonl", "plan.json", "started.json", "finished.json"]
    junit = sorted(f"artifacts/{path.name}" for path in (report.folder / "artifacts").glob("junit_*.xml"))
    return junit + [name for name in names if (report.folder / name).is_file()]
