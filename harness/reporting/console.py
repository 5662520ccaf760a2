"""The end of a run on a screen of 80 columns: verdict, counts, failures, slowest, where the report is, what to do next."""

from __future__ import annotations

import io

from rich.console import Console, Group
from rich.text import Text

from harness.errors import Outcome
from harness.reporting import words
from harness.reporting.record import BAD, Report, was_run

WIDTH = 80
_FAILURES = 5
_SLOWEST = 3
_SUITES = 6
_STYLES = {"pass": "green", "fail": "red", "infra": "yellow", "flaky": "magenta", "skip": "bright_black", "run": "blue"}


def summary(report: Report) -> Group:
    """At most about 25 lines, each cut to 80 columns."""
    tone = style(None if report.running else report.outcome)
    title = Text.assemble((words.verdict(report).upper(), f"bold {tone}"), "  ", words.summary(report))
    rows = [
        *([title] if len(title) <= WIDTH else title.split("  ")),
        *_suites(report),
        *_failures(report),
        *_slowest(report),
    ]
    rows.append(Text(""))
    rows.append(Text.assemble(("report  ", "bright_black"), str(report.folder / "index.html")))
    why, command = words.next_command(report)
    rows.append(Text.assemble(("next    ", "bright_black"), command, ("  " + why.lower(), "bright_black")))
    for row in rows[:-2]:
        row.truncate(WIDTH, overflow="ellipsis")
        row.no_wrap = True
    return Group(*rows)


def plain(report: Report) -> str:
    """The same without colours, for logs and pipes."""
    console = Console(file=io.StringIO(), width=10_000, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(summary(report))
    return "\n".join(row.rstrip() for row in capture.get().rstrip("\n").splitlines())


def style(outcome: Outcome | None) -> str:
    """Colour of an outcome; None is still running."""
    return _STYLES[words.kind(outcome)]


def _suites(report: Report) -> list[Text]:
    groups = report.groups()
    if not groups:
        return []
    several = len({cell for cell, _ in groups}) > 1
    titles = {key: f"{key[1]} on {key[0]}" if several and key[0] else key[1] for key in groups}
    width = min(max(map(len, titles.values())), 40)
    rows = [Text("")]
    for key, tests in list(groups.items())[:_SUITES]:
        counts = [(outcome, sum(test.outcome is outcome for test in tests)) for outcome in words.ORDER]
        row = Text(f"  {titles[key][:width]:<{width}} ")
        for outcome, number in counts:
            if number:
                row.append(f" {number:>4} {outcome}", style(outcome))
        rows.append(row)
    return rows + _more(len(groups) - _SUITES, "suite")


def _failures(report: Report) -> list[Text]:
    entries = [
        (record.outcome, f"{record.phase} of {record.cell}" if record.cell else str(record.phase), record.message)
        for record in report.failed_phases
    ]
    entries += [
        (Outcome.LEAK, resource.name, f"{resource.kind} left behind")
        for resource in report.left
        if not resource.kept_until and not report.running
    ]
    entries += [(test.outcome, test.name, test.message) for test in report.failed_tests if was_run(test)]
    unrun: dict[str, int] = {}
    for test in report.tests:
        if not was_run(test) and test.outcome in BAD:
            unrun[test.message] = unrun.get(test.message, 0) + 1
    entries += [(Outcome.ABORTED, words.counted(number, "test"), reason) for reason, number in unrun.items()]
    rows: list[Text] = [Text("")] if entries else []
    for outcome, title, message in entries[:_FAILURES]:
        rows.append(Text.assemble("  ", (f"{outcome or ''}", style(outcome)), "  ", title))
        rows.append(Text(f"      {message or 'no message'}", "bright_black"))
    return rows + _more(len(entries) - _FAILURES, "failure")


def _slowest(report: Report) -> list[Text]:
    slowest = report.slowest(_SLOWEST)
    rows: list[Text] = [Text(""), Text("  slowest", "bright_black")] if slowest else []
    return rows + [Text(f"  {words.duration(test.seconds):>12}  {test.name}") for test in slowest]


def _more(number: int, noun: str) -> list[Text]:
    return [Text(f"  and {words.counted(number, f'more {noun}')}", "bright_black")] if number > 0 else []
