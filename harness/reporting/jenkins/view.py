"""What Jenkins' junit plugin makes of JUnit files, as a model of its rules.

Read in jenkinsci/junit-plugin, August 2026 (SuiteResult, CaseResult, TestResult):

* a file of 0 bytes is a failed case ``[empty]``, one that is no XML a failed case ``[failed-to-read]``;
* the root may have any name; suites nest; a suite counts if it has a ``testcase`` or ``error`` of its own; the latter is a failed case;
* counts in attributes are ignored; suites of one name and id are merged, and cases of one name all count;
* the class name falls back to the suite's name; the package ends at the last dot, or is ``(root)``;
* ``error`` goes before ``failure``, ``skipped`` before both, and an empty one fails as well;
* output beyond 500 characters at each end is cut, of a failed case beyond 50,000, unless ``stdioRetention`` says otherwise;
* the previous result has the same suite, class and test name, in the newest of at most 25 earlier builds that has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

BACK = 25
"""Builds searched for a previous result."""
HALF_PASSED, HALF_FAILED = 500, 50_000
"""Characters kept at each end of an output."""
_YEAR = 365.0 * 24 * 3600

Key = tuple[str, str]
"""Suite name; class name, dot, test name."""


@dataclass(frozen=True)
class ViewedCase:
    """A case as Jenkins holds it."""

    file: Path
    suite: str
    classname: str
    name: str
    status: str
    """PASSED, FAILED or SKIPPED."""
    seconds: float
    details: str | None = None
    """The failure's message."""
    trace: str | None = None
    """The failure's text."""
    reason: str | None = None
    """Of a skip."""
    stdout: str = ""
    stderr: str = ""
    cut: int = 0
    """Characters of output that will not be shown."""
    hidden: bool = False
    """It has a failure that ``skipped`` hides."""
    attempts: int = 0
    """Earlier attempts that are shown."""
    unseen_attempts: int = 0
    """Elements such as ``flakyError`` that the plugin does not read."""
    properties: Mapping[str, str] = field(default_factory=dict)
    suite_properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.suite, f"{self.classname}.{self.name}"

    @property
    def package(self) -> str:
        return self.classname.rpartition(".")[0] or "(root)"


@dataclass(frozen=True)
class View:
    """A build's test result."""

    cases: tuple[ViewedCase, ...]
    broken: tuple[Path, ...]
    """Files that are shown as a failed case of their own."""
    barren: tuple[Path, ...]
    """Files without any case."""

    @property
    def by_key(self) -> dict[Key, ViewedCase]:
        """The last of several of one name, as the plugin's own map."""
        return {case.key: case for case in self.cases}

    def count(self, status: str) -> int:
        return sum(case.status == status for case in self.cases)


def view(files: Sequence[Path], retention: str = "NONE") -> View:
    """What ``junit`` with these files will show.

    :param retention: ``stdioRetention``: NONE (default of Jenkins), FAILED or ALL.
    """
    cases: list[ViewedCase] = []
    broken, barren = [], []
    for file in files:
        found = list(_file(file, retention))
        if any(case.name in ("[empty]", "[failed-to-read]") for case in found):
            broken.append(file)
        if not found:
            barren.append(file)
        cases += found
    return View(tuple(cases), tuple(broken), tuple(barren))


def condition(case: ViewedCase, earlier: Sequence[View]) -> str:
    """``REGRESSION``, ``FIXED`` or nothing; ``earlier`` has the newest build first."""
    before = next((view.by_key[case.key] for view in earlier[:BACK] if case.key in view.by_key), None)
    if case.status == "SKIPPED" or before is None:
        return ""
    if before.status == "PASSED":
        return "" if case.status == "PASSED" else "REGRESSION"
    return "FIXED" if case.status == "PASSED" else ""


def test_report(shown: View) -> dict[str, Any]:
    """``testReport/api/json`` of a build without history: what clients of Jenkins get to see."""
    suites: dict[str, list[dict[str, Any]]] = {}
    properties = {case.suite: dict(case.suite_properties) for case in reversed(shown.cases)}
    for case in shown.cases:
        suites.setdefault(case.suite, []).append(
            {
                "className": case.classname,
                "name": case.name or "(?)",
                "status": case.status,
                "skipped": case.status == "SKIPPED",
                "skippedMessage": case.reason,
                "duration": case.seconds,
                "errorDetails": case.details,
                "errorStackTrace": case.trace,
                "age": int(case.status == "FAILED"),
                "failedSince": 0,
                "properties": dict(case.properties),
            }
        )
    return {
        "failCount": shown.count("FAILED"),
        "passCount": shown.count("PASSED"),
        "skipCount": shown.count("SKIPPED"),
        "suites": [{"name": name, "properties": properties[name], "cases": cases} for name, cases in suites.items()],
    }


def _file(file: Path, retention: str) -> Iterator[ViewedCase]:
    if file.stat().st_size == 0:
        yield _fake(file, "[empty]", f"Test report file {file} was length 0")
        return
    try:
        root = ElementTree.parse(file).getroot()  # noqa: S314 - expat expands no external entity, as the plugin does not
    except ElementTree.ParseError as error:
        yield _fake(file, "[failed-to-read]", f"Failed to read test report file {file}\n{error}")
        return
    yield from _suite(file, root, retention)


def _fake(file: Path, name: str, trace: str) -> ViewedCase:
    return ViewedCase(file, file.name, file.name, name, "FAILED", 0.0, details="", trace=trace)


def _suite(file: Path, element: ElementTree.Element, retention: str) -> Iterator[ViewedCase]:
    for nested in element.findall("testsuite"):
        yield from _suite(file, nested, retention)
    name = element.get("name")
    shown = f"({file.name})" if name is None else ".".join(filter(None, (element.get("package"), name)))
    told = _properties(element)
    if element.find("error") is not None:
        yield replace(_case(file, shown, "<init>", element, retention), suite_properties=told)
    for case in element.findall("testcase"):
        yield replace(_case(file, shown, case.get("classname", name), case, retention), suite_properties=told)


def _case(file: Path, suite: str, classname: str | None, element: ElementTree.Element, retention: str) -> ViewedCase:
    name = element.get("name", "")
    if classname is None:
        classname, _, name = name.rpartition(".")
    failure = element.find("error")
    failure = element.find("failure") if failure is None else failure
    skipped = element.find("skipped")
    failed = failure is not None
    texts = {tag: element.findtext(tag) or "" for tag in ("system-out", "system-err")}
    keep = retention == "ALL" or (retention == "FAILED" and failed)
    most = math.inf if keep else 2 * (HALF_FAILED if failed else HALF_PASSED)
    return ViewedCase(
        file=file,
        suite=suite,
        classname=classname or "",
        name=name,
        status="SKIPPED" if skipped is not None else "FAILED" if failed else "PASSED",
        seconds=_seconds(element.get("time", "")),
        details=failure.get("message") if failure is not None else None,
        trace="".join(failure.itertext()) if failure is not None else None,
        reason=skipped.get("message", skipped.text or "") if skipped is not None else None,
        stdout=texts["system-out"],
        stderr=texts["system-err"],
        cut=int(sum(max(0, len(text) - most) for text in texts.values())),
        hidden=skipped is not None and failed,
        attempts=len(element.findall("flakyFailure")) + len(element.findall("rerunFailure")),
        unseen_attempts=len(element.findall("flakyError")) + len(element.findall("rerunError")),
        properties=_properties(element),
    )


def _properties(element: ElementTree.Element) -> dict[str, str]:
    """Of a suite or a case; a value may be an attribute or text."""
    found = element.findall("properties/property")
    return {item.get("name", ""): item.get("value", item.text or "") for item in found}


def _seconds(text: str) -> float:
    try:
        return min(max(float(text.replace(",", "") or 0), 0.0), _YEAR)
    except ValueError:
        return 0.0
