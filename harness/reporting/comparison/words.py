"""How a comparison is said; one place for text and Markdown."""

from __future__ import annotations

from harness.reporting.comparison.api import Comparison, Difference, Shortfall
from harness.reporting.history.api import PRODUCT
from harness.reporting.words import counted, duration

TITLES = {
    "new": "New failures",
    "known": "Failures of tests known to be flaky",
    "still": "Still failing",
    "fixed": "Fixed",
    "flaky": "Passed only when repeated",
    "vanished": "Gone",
    "unrun": "No longer run",
    "slower": "Slower",
}
_NOUNS = {
    "new": "new failure",
    "known": "known flake",
    "still": "old failure",
    "fixed": "fixed",
    "flaky": "flaky",
    "vanished": "gone",
    "unrun": "no longer run",
    "slower": "slower",
}
_COUNTED = ("new", "known", "still")


def sentence(comparison: Comparison) -> str:
    """``2 new failures, 1 old failure, 3 fixed``; or that nothing changed."""
    parts = []
    for kind, noun in _NOUNS.items():
        number = len(getattr(comparison, kind))
        if number:
            parts.append(counted(number, noun) if kind in _COUNTED else f"{number} {noun}")
    if comparison.lost:
        parts.append(f"{counted(len(comparison.lost), 'suite')} not in this run")
    return ", ".join(parts) or "no difference"


LOST = "Suites not in this run"


def lost(item: Shortfall) -> str:
    """A suite of the base that is missing as a whole."""
    return f"{item.what}: {counted(item.expected, 'test')} executed in the base"


def name(comparison: Comparison, difference: Difference) -> str:
    """Suite and test, with the cell where there are several."""
    case = difference.case
    where = f"{case.track}: " if case.track and len(comparison.run.tracks) > 1 else ""
    return f"{where}{case.suite}: {case.name}"


def remark(kind: str, difference: Difference) -> str:
    """What there is to say of it beside its name."""
    case, before = difference.case, difference.before
    if kind == "slower":
        median, _, highest = difference.usual
        return f"{duration(case.seconds)}; usually {duration(median)}, at most {duration(highest)}"
    if kind == "vanished":
        return ""
    if kind == "fixed":
        cut_off = before is not None and before.outcome not in PRODUCT
        return f"{before.outcome} in the base, failed before that" if before and cut_off else "was failed"
    age = ""
    if difference.age > 1:
        age = f"for {difference.age} runs" + (f", since {difference.since}" if difference.since else "")
    outcome = f"{case.outcome}, not failed" if kind in ("new", "still") and case.outcome != "failed" else ""
    return "; ".join(filter(None, (age, outcome, case.message)))
