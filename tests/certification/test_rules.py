"""Each rule of the submission bot on files that break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.certification import rules
from harness.certification.bundle import make
from harness.certification.rules import Submission

from .conftest import PRODUCT, TEXTS, Run


@pytest.fixture
def submission(passed: Run) -> Submission:
    return make(passed.evidence(), PRODUCT).submission


def changed(submission: Submission, name: str, old: str, new: str) -> Submission:
    text = submission.files[name]
    assert old in text
    return replace(submission, files={**submission.files, name: text.replace(old, new, 1)})


def without(submission: Submission, name: str) -> Submission:
    return replace(submission, files={key: text for key, text in submission.files.items() if key != name})


def test_nothing_to_say(submission: Submission) -> None:
    assert rules.check(submission) == []


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda it: without(it, "e2e.log"), "e2e.log is missing or empty"),
        (lambda it: replace(it, files={**it.files, "sonobuoy.tar.gz": "x"}), "sonobuoy.tar.gz does not belong to a submission"),
        (lambda it: replace(it, folder="1.37/x"), "'1.37/x' is not like v1.37/product"),
        (lambda it: replace(it, title="v1.37/x"), "'v1.37/x' does not name a release and a product"),
        (lambda it: replace(it, title="Results for v1.36/x"), "'Results for v1.36/x' names v1.36, the folder v1.37"),
        (lambda it: replace(it, newest="v1.40"), "v1.37 is older than v1.38, the oldest that is taken"),
        (lambda it: replace(it, newest="new"), "'new' is not a release"),
        (lambda it: replace(it, required=(*it.required, "x [Conformance]")), "missing or failed: x [Conformance]"),
        (
            lambda it: changed(it, "junit_01.xml", f'"[It] {TEXTS[0]}"', '"[It] other"'),
            f"missing or failed: {TEXTS[0]}",
        ),
        (lambda it: changed(it, "junit_01.xml", "</testsuites>", ""), "junit_01.xml is not XML"),
        (lambda it: changed(it, "e2e.log", "SUCCESS! -- 3 Passed | 0", "FAIL! -- 2 Passed | 1"), "it ends with FAIL!"),
        (lambda it: changed(it, "e2e.log", "Ran 3 of 4", "Ran 2 of 4"), "2 ran and 3 passed, of 3"),
        (lambda it: changed(it, "e2e.log", "Ran 3 of 4", "Ran 3 of 5"), "junit_01.xml has 3 passed cases of 4, e2e.log 3 of 5"),
        (lambda it: changed(it, "e2e.log", "Ran 3", "ran 3"), "it does not say what ran and how it ended"),
        (lambda it: changed(it, "PRODUCT.yaml", "vendor: Yoyodyne", "vendor: ''"), "vendor is missing"),
        (lambda it: changed(it, "PRODUCT.yaml", "v1.7.4", "1.7"), "version: 1.7 is not text: put it in quotes"),
        (lambda it: changed(it, "PRODUCT.yaml", "https://yoyo.dyne/docs", "yoyo.dyne"), "documentation_url: 'yoyo.dyne' is not a URL"),
        (lambda it: changed(it, "PRODUCT.yaml", "somebody@", "somebody at "), "is not an address"),
        (lambda it: changed(it, "PRODUCT.yaml", "distribution", "Distribution"), "type: 'Distribution' is none of: distribution, hosted"),
        (lambda it: changed(it, "PRODUCT.yaml", "vendor", "product_logo_url: https://a.b/c.png\nvendor"), "product_logo_url"),
        (lambda it: changed(it, "PRODUCT.yaml", "vendor: ", "- "), "not YAML"),
    ],
)  # fmt: skip
def test_what_would_be_refused(submission: Submission, spoil: Callable[[Submission], Submission], why: str) -> None:
    said = [text for broken in rules.check(spoil(submission)) for text in broken.why]
    assert any(why in text for text in said), said


def test_a_failed_case_is_missing_and_failed(submission: Submission) -> None:
    case = f'<testcase name="[It] {TEXTS[0]}" classname="Kubernetes e2e suite" status="passed" time="10" />'
    failed = case.replace(" />", '><error message="x" type="panicked" /></testcase>')
    said = {broken.rule: broken.why for broken in rules.check(changed(submission, "junit_01.xml", case, failed))}
    assert said == {
        "all required conformance tests are present in junit_01.xml": (f"missing or failed: {TEXTS[0]}",),
        "all tests pass": (f"failed: {TEXTS[0]}",),
    }
