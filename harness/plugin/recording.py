"""Writes ``results.jsonl``: one line for each test, the moment its last report has arrived. Only the controller does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import Outcome
from harness.plugin.facts import ItemFacts, duration_key, read_planned
from harness.plugin.running import attach, data_of
from harness.redact.secrets import Secrets
from harness.reporting.api import ResultStep, TestResult
from harness.reporting.results import dump


class Recorder:
    """Collects a test's reports and appends its result; knows which tests are to be repeated.

    :param secrets: of the run, which no result may tell.
    :param reruns: how often a test that failed may run again.
    :param infra_reruns: the same for one that failed for reasons of the infrastructure.
    """

    def __init__(self, path: Path, planned: Path, secrets: Secrets, reruns: int = 0, infra_reruns: int = 0) -> None:
        self._path = path
        self._planned = planned
        self._secrets = secrets
        self._reruns = reruns
        self._infra_reruns = infra_reruns
        self._facts: dict[str, ItemFacts] = {}
        self._open: dict[str, list[pytest.TestReport]] = {}
        self._running: dict[str, float] = {}
        """Node id -> Unix time of its start."""
        self._attempts: Counter[str] = Counter()
        """Finished ones, by node id."""
        self._again: set[str] = set()
        self.outcomes: dict[str, Outcome] = {}
        """Of each test's last attempt, by node id."""
        self.durations: dict[str, float] = {}
        """Seconds of passed tests by the name under which they are remembered."""

    @property
    def failed(self) -> bool:
        return any(
            outcome not in (Outcome.PASSED, Outcome.SKIPPED, Outcome.FLAKY) for outcome in self.outcomes.values()
        )

    def began(self, nodeid: str) -> None:
        """Some worker, or this process, begins with a test."""
        self._running[nodeid] = time.time()

    def cut_off(self, why: str) -> None:
        """Tests in flight get no other result any more.

        :param why: a signal's name, or ``deadline``.
        """
        for nodeid, started in list(self._running.items()):
            if (fact := self._fact(nodeid)) is not None:
                self._append(aborted(fact, started, why))
        self._running.clear()

    def add(self, report: pytest.TestReport) -> None:
        """Take one report; setup, call and teardown of one test come in this order, from one worker.

        That of a failure that is going to be repeated gets the outcome ``rerun`` afterwards, so that nobody else counts it.
        """
        self._open.setdefault(report.nodeid, []).append(report)
        repeat = report.failed and self._may_repeat(report.nodeid, _outcome(report))
        if report.when == "teardown" or _crashed(report):
            self._running.pop(report.nodeid, None)
            self._write(self._open.pop(report.nodeid))
        if repeat:
            report.outcome = "rerun"  # type: ignore[assignment] # the word of pytest-rerunfailures

    def take_again(self, nodeid: str) -> bool:
        """Whether this test has just failed and is to run once more; asked once for each attempt."""
        wanted = nodeid in self._again
        self._again.discard(nodeid)
        return wanted

    def may_repeat_crash(self, nodeid: str) -> bool:
        """Whether a test that was lost with its worker is to run once more."""
        return self._may_repeat(nodeid, Outcome.HARNESS)

    def _may_repeat(self, nodeid: str, outcome: Outcome) -> bool:
        limit = self._reruns if outcome is Outcome.FAILED else 0 if outcome is Outcome.ABORTED else self._infra_reruns
        return self._attempts[nodeid] < limit

    def _write(self, reports: list[pytest.TestReport]) -> None:
        fact = self._fact(reports[0].nodeid)
        if fact is None:  # not under suites/
            return
        result = result_of(reports, fact)
        failed = result.outcome not in (Outcome.PASSED, Outcome.SKIPPED)
        if failed and not _crashed(reports[-1]) and self._may_repeat(result.nodeid, result.outcome):
            self._again.add(result.nodeid)
        self._attempts[result.nodeid] += 1
        if result.outcome is Outcome.PASSED:
            self.durations[duration_key(result.classname, result.name)] = result.seconds
        self._append(result)

    def _fact(self, nodeid: str) -> ItemFacts | None:
        if not self._facts:
            self._facts = read_planned(self._planned)
        return self._facts.get(nodeid)

    def _append(self, result: TestResult) -> None:
        self.outcomes[result.nodeid] = result.outcome
        with self._path.open("a", encoding="utf-8") as file:
            file.write(dump(result, self._secrets.known) + "\n")


def result_of(reports: list[pytest.TestReport], fact: ItemFacts) -> TestResult:
    """One result of all reports of one test."""
    data: dict[str, Any] = {}
    for report in reports:
        data |= data_of(report)
    deciding = _deciding(reports)
    outcome = _outcome(deciding)
    details = deciding.longreprtext if _failed(deciding) else ""
    last = reports[-1]
    return _result(
        fact,
        outcome,
        seconds=float(data.get("seconds", 0.0)),
        started=float(data.get("started", 0.0)),
        worker=_worker(last),
        message=_message(deciding, data_of(deciding)),
        details=details,
        stdout=data["stdout"] if "stdout" in data else _section(last, "stdout") + _section(last, "stderr"),
        log=_section(last, "log"),
        steps=tuple(ResultStep(text, at) for text, at in data.get("steps", ())),
        properties=_properties(reports, data),
        overhead=float(data.get("overhead", 0.0)),
    )


def aborted(fact: ItemFacts, started: float, why: str) -> TestResult:
    """The result of a test that was cut off."""
    message = f"cut off by {why} while it ran"
    return _result(fact, Outcome.ABORTED, seconds=max(0.0, time.time() - started), started=started, message=message)


def _result(fact: ItemFacts, outcome: Outcome, **said: Any) -> TestResult:
    """What is known of a test before it runs, and what became of it."""
    return TestResult(
        nodeid=fact.nodeid,
        suite=fact.suite,
        cell=fact.cell,
        name=fact.name,
        classname=fact.classname,
        outcome=outcome,
        labels=fact.labels,
        serial=fact.exclusive,
        **said,
    )


def mark_crash(report: pytest.TestReport, outcome: Outcome) -> None:
    """Make xdist's report about a dead worker one of the call phase: pytest knows no phase ``???``."""
    report.when = "call"
    attach(report, {"crash": True, "outcome": str(outcome)})


def _crashed(report: pytest.TestReport) -> bool:
    return bool(data_of(report).get("crash"))


def _deciding(reports: list[pytest.TestReport]) -> pytest.TestReport:
    """The first that failed, else the first that was skipped, else the last."""
    failed = [report for report in reports if _failed(report)]
    return next(iter(failed or [report for report in reports if report.skipped]), reports[-1])


def _failed(report: pytest.TestReport) -> bool:
    """Also one that :meth:`Recorder.add` has renamed."""
    return report.failed or str(report.outcome) == "rerun"


def _outcome(report: pytest.TestReport) -> Outcome:
    if report.passed:
        return Outcome.PASSED
    if report.skipped:
        return Outcome.SKIPPED
    return Outcome(data_of(report).get("outcome", Outcome.FAILED))


def _message(report: pytest.TestReport, data: Mapping[str, Any]) -> str:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
        return str(reason).removeprefix("Skipped: ").partition("\n")[0]
    if _failed(report):
        return str(data.get("message") or report.longreprtext.strip().partition("\n")[0])
    return ""


def _section(report: pytest.TestReport, kind: str) -> str:
    """What was captured of this kind in all phases; the last report holds the sections of all."""
    return "".join(text for title, text in report.sections if title.split(" ")[1:2] == [kind])


def _properties(reports: list[pytest.TestReport], data: Mapping[str, Any]) -> dict[str, str]:
    found = {str(name): str(value) for report in reports for name, value in report.user_properties}
    return found | ({"location": str(data["location"])} if data.get("location") else {})


def _worker(report: pytest.TestReport) -> str:
    node = getattr(report, "node", None)
    return str(node.gateway.id) if node is not None else "main"
