"""Reads and writes the lines of ``results.jsonl``; see :mod:`harness.reporting.api` for their shape."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from harness.errors import Outcome
from harness.reporting.api import ResultStep, TestResult
from harness.reporting.text import FAILED_OUTPUT, PASSED_OUTPUT, clean, line

_NAMES = frozenset(item.name for item in fields(TestResult))


def dump(result: TestResult) -> str:
    """One line, without its line end."""
    return json.dumps(asdict(result))


def parse(raw: bytes | str) -> TestResult | None:
    """The result a line holds, as it was written; None for a torn line and for one that is no result."""
    try:
        values: dict[str, Any] = {name: value for name, value in json.loads(raw).items() if name in _NAMES}
        values["outcome"] = Outcome(values["outcome"])
        values["seconds"], values["started"] = float(values["seconds"]), float(values["started"])
        values["steps"] = tuple(ResultStep(str(step["text"]), float(step["at"])) for step in values.get("steps", ()))
        values["labels"] = tuple(str(label) for label in values.get("labels", ()))
        values["properties"] = {str(key): str(value) for key, value in values.get("properties", {}).items()}
        return TestResult(**values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def cleaned(result: TestResult) -> TestResult:
    """Fit to be published: every text legal in XML, without secrets, and of bearable size."""
    limit = PASSED_OUTPUT if result.outcome in (Outcome.PASSED, Outcome.SKIPPED) else FAILED_OUTPUT
    return TestResult(
        nodeid=line(result.nodeid, 2_000),
        suite=line(result.suite),
        cell=line(result.cell),
        name=line(result.name, 2_000) or "(no name)",
        classname=line(result.classname) or line(result.suite) or "tests",
        outcome=result.outcome,
        seconds=max(0.0, result.seconds),
        started=result.started,
        worker=line(result.worker),
        message=line(result.message),
        details=clean(result.details, limit),
        stdout=clean(result.stdout, limit),
        log=clean(result.log, limit),
        steps=tuple(ResultStep(line(step.text), step.at) for step in result.steps),
        labels=result.labels,
        serial=result.serial,
        properties={line(key): clean(value) for key, value in result.properties.items()},
        overhead=result.overhead,
    )


def folded(results: list[TestResult]) -> list[TestResult]:
    """One result a test and cell: a test that failed first and passed when repeated is flaky and keeps its failure text."""
    latest: dict[tuple[str, str], TestResult] = {}
    for result in results:
        key = (result.cell, result.nodeid)
        first = latest.get(key)
        latest[key] = result if first is None else _merge(first, result)
    return list(latest.values())


def _merge(first: TestResult, again: TestResult) -> TestResult:
    good = (Outcome.PASSED, Outcome.FLAKY)
    if again.outcome not in good:
        return again
    if first.outcome in (*good, Outcome.SKIPPED) and first.outcome is not Outcome.FLAKY:
        return again
    kept = asdict(first) | {
        "outcome": Outcome.FLAKY, "seconds": again.seconds, "started": again.started, "worker": again.worker,
        "steps": first.steps, "labels": again.labels,
    }  # fmt: skip
    return TestResult(**kept)
