"""junit_01.xml as e2e.test itself writes it: one suite, every spec it offers, names ``[It] full text``, sorted by text.

Facts: ginkgo v2.32 ``reporters/junit_report.go``; v1.37.2 ``test/e2e/framework/internal/junit`` (labels and timelines of passed specs are
left out). The cases of the suite's own set-up nodes are left out too, as ginkgo's OmitSuiteSetupNodes does: each of our processes has
its own, and they are no specs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from harness.certification.evidence import Evidence
from harness.errors import Outcome
from harness.ginkgo.api import SEED, Spec
from harness.reporting.api import TestResult

SUITE = "Kubernetes e2e suite"
_PASSED = frozenset({Outcome.PASSED, Outcome.FLAKY})


def render(evidence: Evidence) -> str:
    """The whole file."""
    specs = sorted(evidence.specs, key=lambda spec: spec.text)
    cases = [_case(spec, evidence.by_name.get(spec.name)) for spec in specs]
    counts = {name: str(sum(case.get("status") == name for case in cases)) for name in ("failed", "skipped")}
    common = {"tests": str(len(cases)), "errors": "0", "failures": counts["failed"], "time": f"{evidence.seconds:.9g}"}
    root = ElementTree.Element("testsuites", common | {"disabled": counts["skipped"]})
    own = {
        "name": SUITE,
        "package": str(evidence.clusters[0].build / "bin"),
        "disabled": "0",
        "skipped": counts["skipped"],
    }
    at = f"{datetime.fromtimestamp(evidence.started, UTC):%Y-%m-%dT%H:%M:%S}"
    suite = ElementTree.SubElement(root, "testsuite", own | common | {"timestamp": at})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(evidence, ok=counts["failed"] == "0").items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": value})
    suite.extend(cases)
    ElementTree.indent(root, "    ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _case(spec: Spec, result: TestResult | None) -> ElementTree.Element:
    state, child = "skipped", ElementTree.Element("skipped", {"message": "skipped"})
    if result and result.outcome in _PASSED:
        state = "passed"
    elif result and result.outcome is Outcome.FAILED:
        state, child = "failed", ElementTree.Element("failure", {"message": "", "type": "failed"})
        child.text = result.details
    seconds = result.seconds if result and state != "skipped" else 0.0
    case = ElementTree.Element(
        "testcase",
        {"name": f"[It] {spec.text}", "classname": SUITE, "status": state, "time": f"{seconds:.9g}"},
    )
    if state != "passed":
        case.append(child)
    return case


def _properties(evidence: Evidence, *, ok: bool) -> dict[str, str]:
    """ginkgo's, as far as they apply: the processes saw every spec, and were told one after the other those with the label."""
    return {
        "SuiteSucceeded": str(ok).lower(),
        "SuiteHasProgrammaticFocus": "false",
        "SpecialSuiteFailureReason": "",
        "SuiteLabels": "[]",
        "RandomSeed": str(SEED),
        "RandomizeAllSpecs": "true",
        "LabelFilter": "Conformance",
        "FocusStrings": "",
        "SkipStrings": "",
        "FocusFiles": "",
        "SkipFiles": "",
        "FlakeAttempts": "0",
        "DryRun": "false",
        "ParallelTotal": str(evidence.workers),
    }
