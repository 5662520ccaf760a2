"""The comparison itself, without a run."""

from __future__ import annotations

import pytest
from reporting.synthetic import result

from harness.certification.proof import compare
from harness.errors import Outcome, ProofError

REQUIRED = [f"[sig-a] {name} [Conformance]" for name in ("one", "two", "three", "four", "five")]


def spec(name: str, outcome: Outcome = Outcome.PASSED, **fields: object):
    return result(f"[sig-a] {name}", nodeid=f"suites/conformance/specs.yaml::[sig-a] {name}", outcome=outcome, **fields)


def test_a_failed_spec_was_executed_too() -> None:
    results = [spec("one"), spec("two", Outcome.FAILED), spec("three", Outcome.FLAKY), spec("four"), spec("five")]
    results.append(result("test_it", nodeid="suites/conformance/test_more.py::test_it"))
    proof = compare(REQUIRED, results)
    assert (proof.required, proof.missing, proof.extra) == (5, {}, ())
    proof.check()


def test_what_is_missing_is_named_with_its_reason_and_what_is_extra_too() -> None:
    results = [spec("one"), spec("two", Outcome.SKIPPED, message="needs IPv6"), spec("six")]
    results += [spec("three", Outcome.HARNESS, message="e2e.test died")]
    proof = compare(REQUIRED, results)
    assert proof.missing == {
        "[sig-a] five": "not selected, or no result was recorded",
        "[sig-a] four": "not selected, or no result was recorded",
        "[sig-a] three": "harness: e2e.test died",
        "[sig-a] two": "skipped: needs IPv6",
    }
    with pytest.raises(ProofError) as caught:
        proof.check()
    assert str(caught.value).endswith(
        "last seen: 4 of 5 specs did not run: [sig-a] five, [sig-a] four, [sig-a] three and 1 more; "
        "1 ran that conformance does not ask for: [sig-a] six"
    )
    assert "missing: [sig-a] two (skipped: needs IPv6)" in caught.value.log_tail
    assert "extra: [sig-a] six" in caught.value.log_tail
    assert caught.value.outcome is Outcome.FAILED


def test_what_somebody_left_out_is_not_missing() -> None:
    proof = compare(REQUIRED, [spec("one"), spec("two"), spec("three"), spec("four")])
    proof.without(["[sig-a] five"]).check()
    with pytest.raises(ProofError):
        proof.without(["[sig-a] four"]).check()
