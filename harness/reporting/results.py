"""Reads and writes the lines of ``results.jsonl``; see :mod:`harness.reporting.api` for their shape."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import Any

from harness.errors import INFRASTRUCTURE, Outcome
from harness.redact import Known, redact
from harness.reporting.api import ResultStep, TestResult
from harness.reporting.text import FAILED_OUTPUT, PASSED_OUTPUT, clean, line

_NAMES = frozenset(item.name for item in fields(TestResult)) - {"earlier"}
_NOTHING = Known()
_FAILED = frozenset({Outcome.FAILED, Outcome.HARNESS, *INFRASTRUCTURE})
"""Of attempts that ended by themselves; one that was cut off is none."""


def dump(result: TestResult, known: Known = _NOTHING) -> str:
    """One line, without its line end and without secrets: the file is archived with the run.

    :param known: secrets of the run, beside those that are recognised by their shape.
    """
    return json.dumps({name: value for name, value in asdict(_masked(result, known)).items() if name in _NAMES})


def _masked(result: TestResult, known: Known) -> TestResult:
    """Text that a test or its fixtures made; what identifies the test stays as it is."""
    return replace(
        result,
        message=redact(result.message, known),
        details=redact(result.details, known),
        stdout=redact(result.stdout, known),
        log=redact(result.log, known),
        steps=tuple(ResultStep(redact(step.text, known), step.at) for step in result.steps),
        properties={name: redact(value, known) for name, value in result.properties.items()},
    )


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
        earlier=tuple(cleaned(attempt) for attempt in result.earlier),
    )


def folded(results: list[TestResult]) -> list[TestResult]:
    """One result a test and cell, with the failed attempts before it: the last one counts, unless it was skipped (its cluster went away).

    A pass after a failure of the product is flaky; one after an infrastructure failure is a pass.
    """
    attempts: dict[tuple[str, str], list[TestResult]] = {}
    for result in results:
        attempts.setdefault((result.cell, result.nodeid), []).append(result)
    return [_last(those) for those in attempts.values()]


def _last(attempts: list[TestResult]) -> TestResult:
    failed = [attempt for attempt in attempts if attempt.outcome in _FAILED]
    last = failed[-1] if failed and attempts[-1].outcome is Outcome.SKIPPED else attempts[-1]
    earlier = tuple(attempt for attempt in failed if attempt is not last)
    flaky = last.outcome is Outcome.PASSED and any(attempt.outcome is Outcome.FAILED for attempt in earlier)
    return replace(last, outcome=Outcome.FLAKY if flaky else last.outcome, earlier=earlier)
