"""How outcomes, durations and verdicts are said; one place, so that console, page and progress say the same."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.errors import INFRASTRUCTURE, Outcome
from harness.reporting.record import BAD, Report, was_run
from harness.runs.api import Phase

VERDICTS = {
    Outcome.PASSED: "Passed",
    Outcome.FLAKY: "Passed, some only when repeated",
    Outcome.SKIPPED: "Nothing ran",
    Outcome.FAILED: "Failed",
    Outcome.BUILD: "Kubernetes did not build",
    Outcome.DEPLOY: "A cluster did not come up",
    Outcome.QUOTA: "No room in the cloud",
    Outcome.THROTTLED: "Throttled by the cloud",
    Outcome.CLOUD: "The cloud failed",
    Outcome.HARNESS: "The harness failed",
    Outcome.ABORTED: "Cut off",
    Outcome.LEAK: "Resources left behind",
}
ORDER = (
    Outcome.FAILED,
    Outcome.HARNESS,
    Outcome.ABORTED,
    Outcome.BUILD,
    Outcome.DEPLOY,
    Outcome.QUOTA,
    Outcome.THROTTLED,
    Outcome.CLOUD,
    Outcome.LEAK,
    Outcome.FLAKY,
    Outcome.PASSED,
    Outcome.SKIPPED,
)
"""In which order counts are listed."""
MARKS = {"pass": "✅", "flaky": "🟡", "fail": "❌", "infra": "⚠️", "skip": "⚪", "run": "⏳"}
"""A sign for each :func:`kind`, where there are no colours."""


def kind(outcome: Outcome | None) -> str:
    """The colour family: pass, fail, infra, flaky, skip, run (None: still running)."""
    if outcome is None:
        return "run"
    if outcome in INFRASTRUCTURE or outcome in (Outcome.HARNESS, Outcome.ABORTED):
        return "infra"
    return {Outcome.PASSED: "pass", Outcome.FLAKY: "flaky", Outcome.SKIPPED: "skip"}.get(outcome, "fail")


def verdict(report: Report) -> str:
    return "Running" if report.running else VERDICTS[report.outcome]


def counted(number: int, noun: str) -> str:
    """``1 test``, ``412 tests``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def summary(report: Report) -> str:
    """The verdict in a sentence: how many tests, on what, how long, and what stood in the way."""
    ran, bad = len(report.ran), sum(test.outcome in BAD and was_run(test) for test in report.tests)
    unrun = sum(not was_run(test) for test in report.tests)
    parts = [f"{bad} of {counted(ran, 'test')} failed" if bad else f"{counted(ran, 'test')} ran"]
    if unrun:
        parts.append(f"{unrun} not run")
    clusters = sum(1 for cell in report.cells if (up := cell.phase(Phase.READINESS)) and up.outcome is Outcome.PASSED)
    parts.append(
        f"{counted(clusters, 'cluster')} up"
        if clusters == len(report.cells)
        else f"{clusters} of {counted(len(report.cells), 'cluster')} up"
    )
    return f"{', '.join(parts)}, in {duration(report.seconds)}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``4 min 05 s``, ``1 h 02 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(number: int) -> str:
    """``312 B``, ``4 KB``, ``1.2 MB``."""
    if number < 1_000:
        return f"{number} B"
    return f"{number / 1e3:.0f} KB" if number < 999_500 else f"{number / 1e6:.1f} MB"


def moment(at: float) -> str:
    """``2026-11-23 22:30:10 UTC``."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "unknown"


def next_command(report: Report) -> tuple[str, str]:
    """(why, command): what a person most probably does next."""
    if report.running:
        return "What exists and who holds it", f"harness status --run {report.run}"
    if any(not resource.kept_until for resource in report.left):
        return "Remove what is left", f"harness down --run {report.run}"
    if report.left:
        return "Remove the kept cluster", f"harness down --run {report.run}"
    if any(test.outcome is Outcome.FAILED for test in report.tests):
        return "Run the failed tests again", f"pytest suites/ --lf --cloud {report.cloud}"
    if report.failed_phases or report.outcome in BAD:
        return "Read what the run printed", f"less {report.folder / 'build-log.txt'}"
    return "See the whole report", f"python3 -m webbrowser {report.folder / 'index.html'}"
