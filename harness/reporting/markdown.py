"""A run in Markdown, for the checks of GitHub and for summary.md: at most 65,535 bytes, the most important first.

GitHub refuses a longer summary of a check run altogether, so what does not fit is left out from the end of the longest lists, and the text
says how much that is. Names and messages come from tests: they are escaped, and nothing in them can become a link, a mention or a heading.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import Outcome
from harness.reporting import words
from harness.reporting.comparison import words as said
from harness.reporting.comparison.api import Comparison, Difference
from harness.reporting.record import BAD, Report, was_run
from harness.reporting.text import line

LIMIT = 65_535
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#|~!&@])")


@dataclass
class _List:
    """A heading and items of which the last may be left out."""

    heading: str
    items: list[str]
    folded: bool = False

    def text(self, items: Sequence[str]) -> str:
        left = len(self.items) - len(items)
        rows = [*items, *([f"- and {left} more"] if left else [])]
        body = "\n".join(rows)
        if not self.folded:
            return f"### {self.heading} ({len(self.items)})\n\n{body}\n"
        return f"<details><summary>{self.heading} ({len(self.items)})</summary>\n\n{body}\n\n</details>\n"


def render(report: Report, comparison: Comparison | None = None, base_url: str = "", limit: int = LIMIT) -> str:
    """The summary of a run.

    :param comparison: against the last green run; without one, all failures count as new.
    :param base_url: where the run's folder can be read; links are relative without.
    :param limit: bytes, in UTF-8.
    """
    return _fitted(_head(report, comparison), _lists(report, comparison), _links(report, base_url), limit)


def render_comparison(comparison: Comparison, limit: int = LIMIT) -> str:
    """A comparison alone."""
    run, base = comparison.run, comparison.base
    rows = [
        f"## {escape(run.label)} against {escape(base.label)}",
        "",
        f"{escape(said.sentence(comparison))}. `{run.outcome}` against `{base.outcome}`, {escape(comparison.why)}.",
        "",
        *_between(comparison),
    ]
    return _fitted("\n".join(rows) + "\n", _differences(comparison), "", limit)


def _fitted(head: str, every: Sequence[_List], foot: str, limit: int) -> str:
    lists = [item for item in every if item.items]
    kept = [list(item.items) for item in lists]
    while True:
        shown = [item.text(items) for item, items in zip(lists, kept, strict=True)]
        text = "\n".join(filter(None, [head, *shown, foot]))
        size = len(text.encode())
        if size <= limit:
            return text
        longest = max(range(len(kept)), key=lambda index: (len("\n".join(kept[index])), index), default=-1)
        if longest < 0 or not kept[longest]:  # even the head is too long
            return text.encode()[:limit].decode(errors="ignore")
        _shorten(kept[longest], size - limit)


def _shorten(items: list[str], excess: int) -> None:
    """Take items off the end: half of them, or just as many as are in the way."""
    for _ in range(max(1, len(items) // 2)):
        excess -= len(items.pop().encode()) + 1
        if excess < -64:
            return


def _head(report: Report, comparison: Comparison | None) -> str:
    mark = words.MARKS[words.kind(None if report.running else report.outcome)]
    rows = [f"## {mark} {escape(words.verdict(report))}", "", f"{escape(words.summary(report))}."]
    if comparison:
        rows[-1] += (
            f" Against `{comparison.base.label}` ({escape(comparison.why)}): {escape(said.sentence(comparison))}."
        )
    rows += ["", "| suite | cell | executed | failed | flaky | skipped |", "|---|---|--:|--:|--:|--:|"]
    for (cell, suite), tests in report.groups().items():
        counts = [
            sum(was_run(test) and test.outcome is not Outcome.SKIPPED for test in tests),
            sum(test.outcome in BAD and was_run(test) for test in tests),
            sum(test.outcome is Outcome.FLAKY for test in tests),
            sum(test.outcome is Outcome.SKIPPED or not was_run(test) for test in tests),
        ]
        rows.append(f"| {escape(suite)} | {escape(cell)} | " + " | ".join(map(str, counts)) + " |")
    rows += ["", *_what(report, comparison)]
    return "\n".join(rows) + "\n"


def _what(report: Report, comparison: Comparison | None) -> list[str]:
    rows = ["**What ran, and why**", ""]
    for cell in (item for item in report.cells if not item.cell.replica_of):
        version = "" if cell.version in cell.cell.source else f", {escape(cell.version)}"
        rows.append(
            f"- {escape(cell.cell.source)}{version} by {escape(cell.cell.deployer)} in {escape(cell.cell.location)} ({report.cloud})"
        )
    rows += [f"- {escape(reason)}" for reason in report.why]
    return rows + (_between(comparison) if comparison else [])


def _between(comparison: Comparison) -> list[str]:
    rows = []
    for commits in comparison.ranges:
        between = f"Kubernetes {escape(commits.before)} → {escape(commits.now)}"
        rows.append(f"- [{between}]({commits.address})" if commits.address else f"- {between}")
        rows += [f"  - {escape(title)}" for title in commits.commits[:20]]
    for short in comparison.shortfalls:
        rows.append(
            f"- ⚠️ **too few tests**: {escape(short.what)} executed {short.executed} of {short.expected} expected"
        )
    return rows


def _lists(report: Report, comparison: Comparison | None) -> list[_List]:
    phases = [
        f"- **{escape(record.phase)}** of {escape(record.cell or 'the run')}: {escape(str(record.outcome))}: {escape(line(record.message))}"
        for record in report.failed_phases
    ]
    left = [
        f"- {escape(item.kind)} {escape(item.name)}"
        for item in report.left
        if not item.kept_until and not report.running
    ]
    lists = [_List("Phases that failed", phases), _List("Left behind", left)]
    if comparison is None:
        failures = [
            f"- **{escape(test.suite)}: {escape(test.name)}**" + _after(test.message)
            for test in report.failed_tests
            if was_run(test)
        ]
        flaky = [
            f"- {escape(test.suite)}: {escape(test.name)}" + _after(test.message)
            for test in report.tests
            if test.outcome is Outcome.FLAKY
        ]
        lists += [_List("Failures", failures), _List(said.TITLES["flaky"], flaky, folded=True)]
    else:
        lists += _differences(comparison)
    unrun: dict[str, int] = {}
    for test in report.tests:
        if not was_run(test):
            unrun[test.message] = unrun.get(test.message, 0) + 1
    lists.append(_List("Not run", [f"- {number}: {escape(reason)}" for reason, number in unrun.items()], folded=True))
    return lists


def _differences(comparison: Comparison) -> list[_List]:
    lost = [f"- {escape(said.lost(item))}" for item in comparison.lost]
    return [
        *(
            _List(title, [_item(comparison, kind, item) for item in getattr(comparison, kind)], folded=kind != "new")
            for kind, title in said.TITLES.items()
        ),
        _List(said.LOST, lost, folded=True),
    ]


def _item(comparison: Comparison, kind: str, item: Difference) -> str:
    name = escape(said.name(comparison, item))
    return f"- {f'**{name}**' if kind == 'new' else name}" + _after(said.remark(kind, item))


def _after(message: str) -> str:
    return f"<br>{escape(message)}" if message else ""


def _links(report: Report, base_url: str) -> str:
    base = base_url.rstrip("/") + "/" if base_url else ""
    names = [
        ("report", "index.html"),
        ("pytest's output", "build-log.txt"),
        ("results", "results.jsonl"),
        ("JUnit", "artifacts"),
    ]
    links = [f"[{text}]({base}{name})" for text, name in names]
    return f"{' · '.join(links)} · run `{report.run}`\n"


def escape(text: str) -> str:
    """The text as text: no markup, no mention, no link of its own, in one line."""
    plain = " ".join(text.split())
    return (
        _SPECIAL.sub(r"\\\1", plain)
        .replace("\\@", "&#64;")
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("://", ":&#47;&#47;")
    )
