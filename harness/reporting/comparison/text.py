"""A comparison for a terminal, in plain lines."""

from __future__ import annotations

from harness.reporting.comparison import words
from harness.reporting.comparison.api import KINDS, Comparison

_MOST = 20
"""Tests listed of each kind."""


def render(comparison: Comparison) -> str:
    """All of it, each kind of difference with at most twenty tests."""
    run, base = comparison.run, comparison.base
    rows = [f"{run.label} ({run.outcome}) against {base.label} ({base.outcome}), {comparison.why}"]
    rows.append(words.sentence(comparison))
    if not run.judged:
        rows.append(f"the run ended as {run.outcome}: what is missing from it says nothing about the product")
    for commits in comparison.ranges:
        rows.append(f"kubernetes {commits.before} to {commits.now}  {commits.address}".rstrip())
        rows += [f"    {title}" for title in commits.commits[:_MOST]]
        rest = len(commits.commits) - _MOST + commits.more
        rows += [f"    and {rest} more"] if rest > 0 else []
    for short in comparison.shortfalls:
        rows.append(f"TOO FEW TESTS  {short.what}: {short.executed} executed, {short.expected} expected")
    for kind in KINDS:
        found = getattr(comparison, kind)
        if not found:
            continue
        rows += ["", f"{words.TITLES[kind]} ({len(found)})"]
        for difference in found[:_MOST]:
            rows.append(f"  {words.name(comparison, difference)}")
            said = words.remark(kind, difference)
            rows += [f"      {said}"] if said else []
        rows += [f"  and {len(found) - _MOST} more"] if len(found) > _MOST else []
    rows += ["", f"{words.LOST} ({len(comparison.lost)})"] if comparison.lost else []
    rows += [f"  {words.lost(item)}" for item in comparison.lost]
    changed = {suite: pair for suite, pair in comparison.executed.items() if pair[0] != pair[1]}
    rows += ["", "Executed tests"] if changed else []
    rows += [f"  {suite}: {before} before, {now} now" for suite, (before, now) in changed.items()]
    return "\n".join(rows) + "\n"
