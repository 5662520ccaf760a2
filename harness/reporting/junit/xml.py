"""A JUnit suite as XML, by junit-xml and finished here, read back to be sure that others can read it.

What junit-xml 1.9 lacks or gets wrong: a failure with neither message nor text is dropped and would show as passed; ``disabled`` is in no
schema; cases have no properties and no earlier attempts. junit-plugin reads the latter since 2025 from ``flakyFailure`` (on a case that
passed) and ``rerunFailure`` (on one that failed), with what was printed in the children ``stackTrace``, ``system-out`` and ``system-err``;
it reads neither ``flakyError`` nor ``rerunError``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from junit_xml import TestCase, TestSuite

from harness.errors import HarnessError, Outcome
from harness.reporting.api import TestResult
from harness.reporting.junit.api import Flavour, JunitCase, JunitSuite, printed


def document(suite: JunitSuite, flavour: Flavour) -> str:
    """The whole file.

    :raises HarnessError: if it would not be XML, or would have two cases of one name.
    """
    made = TestSuite(
        suite.name,
        [_case(case, flavour) for case in suite.cases],
        timestamp=_timestamp(suite.started),
        properties=suite.properties or None,
    )
    element: ElementTree.Element = made.build_xml_doc()
    element.attrib.pop("disabled", None)
    element.set("time", f"{sum(case.seconds for case in suite.cases):.3f}")
    for made_case, case in zip(element.iter("testcase"), suite.cases, strict=True):
        _finish(made_case, case, flavour)
    root = ElementTree.Element(
        "testsuites", {key: element.get(key, "0") for key in ("tests", "failures", "errors", "time")}
    )
    root.append(element)
    return _text(root, suite.file)


def _case(case: JunitCase, flavour: Flavour) -> TestCase:
    """What a test printed cannot make Jenkins take files of the host: only the run's own are attached."""
    stdout, stderr = (text.replace("[[ATTACHMENT|", "[ [ATTACHMENT|") for text in (case.stdout, case.stderr))
    if flavour.extras and case.attachments:  # the line that Jenkins' junit-attachments plugin looks for
        ended = "" if not stdout or stdout.endswith("\n") else "\n"
        stdout += ended + "".join(f"[[ATTACHMENT|{path}]]\n" for path in case.attachments)
    made = TestCase(case.name, case.classname, elapsed_sec=case.seconds, stdout=stdout or None, stderr=stderr or None)
    if case.outcome is Outcome.SKIPPED:
        made.add_skipped_info(case.message or "skipped")
    elif case.outcome is Outcome.FAILED:
        made.add_failure_info(case.message or "failed without a message", case.text or case.message, "failed")
    elif case.bad:
        message = case.message or f"{case.outcome} without a message"
        made.add_error_info(message, case.text or case.message, str(case.outcome))
    return made


def _finish(element: ElementTree.Element, case: JunitCase, flavour: Flavour) -> None:
    element.set("time", f"{case.seconds:.3f}")
    tag = "rerunFailure" if case.bad else "flakyFailure"
    at = sum(child.tag in ("failure", "error", "skipped") for child in element)
    for attempt in case.earlier:
        element.insert(at, _attempt(tag, attempt))
        at += 1
    if case.outcome is Outcome.FLAKY and not case.earlier:  # flaky by its own word
        message = case.message or "failed first, passed when repeated"
        first = ElementTree.Element(tag, {"message": message, "type": "failed"})
        _child(first, "stackTrace", case.text or message)
        element.insert(at, first)
    if not flavour.extras:
        return
    if case.started:
        element.set("timestamp", _timestamp(case.started))
    if case.properties:
        properties = ElementTree.Element("properties")
        for name, value in case.properties.items():
            ElementTree.SubElement(properties, "property", {"name": name, "value": value})
        element.insert(0, properties)


def _attempt(tag: str, attempt: TestResult) -> ElementTree.Element:
    message = attempt.message or f"{attempt.outcome} without a message"
    element = ElementTree.Element(tag, {"message": message, "type": str(attempt.outcome)})
    _child(element, "stackTrace", attempt.details or message)
    _child(element, "system-out", printed(attempt))
    _child(element, "system-err", attempt.log)
    return element


def _child(parent: ElementTree.Element, tag: str, text: str) -> None:
    if text:
        ElementTree.SubElement(parent, tag).text = text


def _text(root: ElementTree.Element, name: str) -> str:
    ElementTree.indent(root, "")
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
    try:
        back = ElementTree.fromstring(text)  # noqa: S314 - our own text
    except ElementTree.ParseError as error:
        raise HarnessError(f"write {name}", last_seen=f"it would not be XML: {error}") from error
    cases = back.findall("testsuite/testcase")
    if len({(case.get("classname"), case.get("name")) for case in cases}) != len(cases):
        raise HarnessError(f"write {name}", last_seen="two cases of one name")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _timestamp(at: float) -> str:
    """Without a zone (UTC is meant): the one form that every reader's schema takes."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}"
