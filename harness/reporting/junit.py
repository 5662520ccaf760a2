"""JUnit as Jenkins, Prow's viewers and the stricter xunit plugin take it, made by junit-xml and finished here.

Facts behind the shape (junit-plugin's and xunit-plugin's sources): history is found by suite name and class name, so both carry the
cell and nothing that changes between builds; the package is what stands before a class name's last dot, so a cell has no dots
there; two cases of one name hide each other, also when they differ only in characters that a URL lacks; ``<skipped>`` beats
``<failure>``; a failure with neither message nor text is dropped by junit-xml and would show as passed; ``disabled``, and
properties and timestamps of cases, are not in xunit's schema (junit-10.xsd); ``<flakyFailure>`` on a passing case is read by Jenkins
since 2025, and ``<rerunFailure>`` on a failing one; both are Maven Surefire's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from junit_xml import TestCase, TestSuite

from harness.errors import HarnessError, Outcome
from harness.reporting import atomic
from harness.reporting.api import TestResult
from harness.reporting.evidence import attachments, leftover_line
from harness.reporting.record import BAD, CellRecord, PhaseRecord, Report
from harness.runs.api import Phase

_LIFECYCLE = (
    *(Phase.BUILD, Phase.UP, Phase.READINESS, Phase.PROOF, Phase.LEFTOVERS),
    *(Phase.COLLECT, Phase.DOWN, Phase.LEAK_CHECK),
)
_OPTIONAL = (Phase.PROOF, Phase.LEFTOVERS, Phase.COLLECT)
"""Phases without a case when there was no reason to enter them."""


def write(report: Report) -> list[Path]:
    """Write every JUnit file of the run, and remove those of an earlier report that no longer have a source.

    :returns: the files, sorted.
    """
    artifacts = report.folder / "artifacts"
    files = dict(_documents(report))
    for name, suite in files.items():
        atomic.write(artifacts / name, _text(suite, name))
    for old in artifacts.glob("junit_*.xml"):
        if old.name not in files:
            old.unlink()
    return sorted(artifacts / name for name in files)


def _documents(report: Report) -> Iterable[tuple[str, ElementTree.Element]]:
    for (cell, suite), tests in report.groups().items():
        yield f"junit_{_file(cell or 'run')}_{_file(suite)}.xml", _suite(report, cell, suite, tests)
    own = [record for record in report.failed_phases if not record.cell]
    if own or not report.cells:
        yield "junit_lifecycle_run.xml", _lifecycle(report, "run", own, {})
    for cell_record in report.cells:
        records = _cell_phases(report, cell_record)
        yield (
            f"junit_lifecycle_{_file(cell_record.name)}.xml",
            _lifecycle(report, cell_record.name, records, _properties(report, cell_record)),
        )


def _suite(report: Report, cell: str, suite: str, tests: Sequence[TestResult]) -> ElementTree.Element:
    record = next((item for item in report.cells if item.name == cell), None)
    prefix = f"{_dotless(cell)}." if cell else ""
    ordered = sorted(tests, key=lambda test: (test.classname, test.name, test.nodeid))
    names = _unique(ordered)
    began = min((test.started for test in tests if test.started), default=report.started)
    made = TestSuite(
        prefix + suite,
        [_case(report, test, prefix + test.classname, names[test.nodeid]) for test in ordered],
        timestamp=_timestamp(began),
        properties=_properties(report, record),
    )
    return _finish(made, [test.seconds for test in ordered], ordered)


def _case(report: Report, test: TestResult, classname: str, name: str) -> TestCase:
    case = TestCase(
        name,
        classname,
        elapsed_sec=test.seconds,
        stdout=_output(test, attachments(report, test)),
        stderr=test.log or None,
    )
    _judge(case, test.outcome, test.message, test.details)
    return case


def _judge(case: TestCase, outcome: Outcome, message: str, details: str) -> None:
    if outcome is Outcome.SKIPPED:
        case.add_skipped_info(message or "skipped")
    elif outcome is Outcome.FAILED:
        case.add_failure_info(message or "failed without a message", details or message, "failed")
    elif outcome in BAD:
        case.add_error_info(message or f"{outcome} without a message", details or message, str(outcome))


def _output(test: TestResult, attached: str) -> str | None:
    steps = "".join(f"[{step.at:8.1f} s] STEP {step.text}\n" for step in test.steps)
    ended = "" if not test.stdout or test.stdout.endswith("\n") else "\n"
    return (steps + test.stdout + (ended + attached if attached else "")) or None


def _lifecycle(
    report: Report, name: str, records: Sequence[PhaseRecord], properties: Mapping[str, str]
) -> ElementTree.Element:
    suite = f"{_dotless(name)}.lifecycle"
    cases = []
    for record in records:
        left = _left_by_tests(report, record) if record.phase is Phase.LEFTOVERS else None
        case = TestCase(str(record.phase), suite, elapsed_sec=record.seconds, stdout=left)
        if record.state == "running":
            case.add_skipped_info("still running")
        else:
            _judge(
                case,
                record.outcome or Outcome.HARNESS,
                record.message,
                f"{record.message}\n\n{record.log_tail}".strip(),
            )
        cases.append(case)
    made = TestSuite(suite, cases, timestamp=_timestamp(report.started), properties=dict(properties) or None)
    return _finish(made, [record.seconds for record in records])


def _left_by_tests(report: Report, record: PhaseRecord) -> str | None:
    """A line a leftover, also when they are no failure."""
    names = {test.nodeid: test.name for test in report.tests}
    found = [item for cell in report.cells if cell.name == record.cell for item in cell.leftovers]
    return "".join(f"{leftover_line(item, names)}\n" for item in found) or None


def _cell_phases(report: Report, cell: CellRecord) -> list[PhaseRecord]:
    """The same cases in every build, with what was not reached as skipped: exactly one red case for a cell that never came up."""
    red = next((record for record in (*report.failed_phases,) if record.cell in (cell.name, "")), None)
    found = []
    for phase in _LIFECYCLE:
        record = cell.phase(phase)
        if record is not None:
            found.append(record)
        elif phase not in _OPTIONAL:
            kept = (down := cell.phase(Phase.DOWN)) is not None and down.outcome is Outcome.SKIPPED
            why = (
                f"not reached: {red.phase} failed"
                if red
                else "still to come"
                if report.running
                else "the cluster was kept"
                if kept
                else "not reached"
            )
            found.append(PhaseRecord(cell.name, phase, "skipped", Outcome.SKIPPED, 0.0, 0.0, why))
    test = cell.phase(Phase.TEST)
    if test is not None and test.outcome is Outcome.ABORTED:
        found.append(test)
    left = [resource for resource in report.left if resource.cell == cell.name and not resource.kept_until]
    if left and not report.running:
        found = [record for record in found if record.phase is not Phase.LEAK_CHECK]
        names = ", ".join(f"{resource.kind} {resource.name}" for resource in left)
        message = f"left behind: {names}; remove with: harness down --run {report.run}"
        found.append(PhaseRecord(cell.name, Phase.LEAK_CHECK, "failed", Outcome.LEAK, report.ended, 0.0, message))
    return found


def _finish(made: TestSuite, seconds: Sequence[float], tests: Sequence[TestResult] = ()) -> ElementTree.Element:
    """What junit-xml leaves to be desired: a time on every case, earlier attempts, and no attribute that a schema refuses."""
    element: ElementTree.Element = made.build_xml_doc()
    element.attrib.pop("disabled", None)
    element.set("time", f"{sum(seconds):.3f}")
    cases = list(element.iter("testcase"))
    for case, elapsed in zip(cases, seconds, strict=True):
        case.set("time", f"{elapsed:.3f}")
    for case, test in zip(cases, tests, strict=False):
        _add_attempts(case, test)
    root = ElementTree.Element(
        "testsuites", {key: element.get(key, "0") for key in ("tests", "failures", "errors", "skipped", "time")}
    )
    del root.attrib["skipped"]  # not in xunit's schema, at this level
    root.append(element)
    return root


def _add_attempts(case: ElementTree.Element, test: TestResult) -> None:
    """Earlier attempts with their output, in Surefire's elements: before a pass they were flaky, before a failure reruns."""
    failed = test.outcome in BAD
    for place, attempt in enumerate(test.earlier):
        message = attempt.message or f"{attempt.outcome} without a message"
        element = ElementTree.Element(
            "rerunFailure" if failed else "flakyFailure", {"type": str(attempt.outcome), "message": message}
        )
        ElementTree.SubElement(element, "stackTrace").text = attempt.details or message
        if output := _output(attempt, ""):
            ElementTree.SubElement(element, "system-out").text = output
        case.insert(place + failed, element)  # a failing case begins with its own failure


def _text(root: ElementTree.Element, name: str) -> str:
    """The document, read back to be sure that others can read it."""
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
    try:
        back = ElementTree.fromstring(text)  # noqa: S314 - our own text
    except ElementTree.ParseError as error:
        raise HarnessError(f"write {name}", last_seen=f"it would not be XML: {error}") from error
    cases = back.findall("testsuite/testcase")
    if len({(case.get("classname"), case.get("name")) for case in cases}) != len(cases):
        raise HarnessError(f"write {name}", last_seen="two cases of one name")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _unique(tests: Sequence[TestResult]) -> dict[str, str]:
    """node id -> name; a clash gets a mark made from the node id, so that it stays the same over builds."""
    names: dict[str, str] = {}
    taken: set[tuple[str, str]] = set()
    for test in tests:
        name = test.name
        if (test.classname, _safe(name)) in taken:
            name += f" #{hashlib.sha256(test.nodeid.encode()).hexdigest()[:8]}"
        taken.add((test.classname, _safe(name)))
        names[test.nodeid] = name
    return names


def _properties(report: Report, cell: CellRecord | None) -> dict[str, str]:
    facts = {"run": report.run, "cloud": report.cloud}
    if cell is not None:
        facts |= {
            "cell": cell.name,
            "source": cell.cell.source,
            "version": cell.version,
            "deployer": cell.cell.deployer,
            "location": cell.cell.location,
        }
    return {key: value for key, value in facts.items() if value}


def _timestamp(at: float) -> str:
    """Without a zone (UTC is meant): the one form that every reader's schema takes."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}"


def _dotless(cell: str) -> str:
    return cell.replace(".", "_")


def _safe(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII).casefold()


def _file(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]", "-", name)
