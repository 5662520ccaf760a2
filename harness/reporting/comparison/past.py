"""What earlier runs say of a test: only results that are the product's own count.

A test that a cloud, a deadline or a defect of this program cut off has no result there: it neither failed nor passed, and the search goes
on further back. Otherwise two bad days of a cloud would make a real regression a known flake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.errors import Outcome
from harness.reporting.history.api import GOOD, PRODUCT, CaseRecord, Key

Result = tuple[str, Outcome, float]
"""Run, outcome, seconds."""

_WINDOW = 30
"""Earlier results in which a test's flakiness is looked for."""
_RESTLESS = 2
"""Times that a test must have been flaky, or have gone from failing back to passing, to be known as flaky."""


@dataclass(frozen=True)
class Past:
    """Earlier results of the tests of a run, under the keys of either side."""

    results: Mapping[Key, Sequence[Result]] = field(default_factory=dict)
    """Newest first."""
    before_base: frozenset[str] = frozenset()
    """Those of the earlier runs that are older than the base."""

    def of(self, case: CaseRecord, old: CaseRecord | None) -> list[Result]:
        """The product's own results of this test, newest first."""
        keys = dict.fromkeys((case.key, old.key) if old is not None else (case.key,))
        return [result for key in keys for result in self.results.get(key, ()) if result[1] in PRODUCT]

    def failed_in_base(self, old: CaseRecord | None, results: Sequence[Result]) -> bool:
        """Whether the test failed in the base or, where that has no result of it, in the newest run before that has one."""
        if old is None:
            return False
        if old.ran and old.outcome in PRODUCT:
            return old.outcome is Outcome.FAILED
        known = next((outcome for run, outcome, _ in results if run in self.before_base), None)
        return known is Outcome.FAILED


def age(case: CaseRecord, results: Sequence[Result]) -> tuple[int, str]:
    """Runs in a row in which it failed, and the first of them."""
    if case.age:
        return case.age, ""
    number, since = 1, ""
    for run, outcome, _ in results:
        if outcome in GOOD:
            break
        number, since = number + 1, run
    return number, since


def restless(outcomes: Sequence[Outcome]) -> bool:
    """Whether a test with this past (newest first) is known to fail now and then, whatever is tested."""
    recent = [outcome for outcome in outcomes if outcome in PRODUCT][:_WINDOW]
    recovered = sum(earlier is Outcome.FAILED and later is Outcome.PASSED for later, earlier in pairwise(recent))
    return recent.count(Outcome.FLAKY) + recovered >= _RESTLESS
