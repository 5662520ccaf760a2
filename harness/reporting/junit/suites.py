"""A report as JUnit suites: the tests of each cell and suite, and the life of each cell as cases of its own.

Facts behind the shape (junit-plugin's sources of August 2026): the package is what stands before a class name's last dot; of a passed
test's output 500 characters at each end are shown. Kubernetes' own viewers broke on a JUnit file of 200 MB (kubernetes#111510), so the
output of passed tests shares a budget and goes altogether when there are many: ``results.jsonl`` has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.errors import Outcome
from harness.reporting.api import TestResult
from harness.reporting.evidence import evidence_files, leftover_line
from harness.reporting.junit.api import OUTCOME, JunitCase, JunitSuite, printed
from harness.reporting.junit.names import file_safe, safe_track, tracks, unique
from harness.reporting.record import BAD, CellRecord, PhaseRecord, Report
from harness.reporting.text import PASSED_OUTPUT, clean
from harness.runs.api import ENDING, Phase

_LIFECYCLE = (Phase.BUILD, Phase.UP, Phase.READINESS, Phase.PROOF, Phase.LEFTOVERS, *ENDING)
_OPTIONAL = (Phase.PROOF, Phase.LEFTOVERS, Phase.COLLECT)
"""Phases without a case when there was no reason to enter them."""
_QUIET_BUDGET = 60_000
"""Characters of output that all passed tests of a file share."""
_WORTH_READING = 300
"""A shorter share says nothing and is left out."""
_ATTACHED = 20
"""Collected files attached to a failed phase."""
ATTACHMENT = "attachment"
"""Properties of a test whose names begin so hold paths in the run's folder."""


def suites(report: Report) -> Iterator[JunitSuite]:
    """Every file of the run."""
    names = tracks([cell.cell for cell in report.cells])
    for (cell, suite), tests in report.groups().items():
        yield _suite(report, names, cell, suite, tests)
    own = [record for record in report.failed_phases if not record.cell]
    if own or not report.cells:
        yield _lifecycle(report, "run", "run", own, _properties(report, None))
    for record in report.cells:
        yield _lifecycle(
            report, record.name, names[record.name], _cell_phases(report, record), _properties(report, record)
        )


def _suite(report: Report, names: dict[str, str], cell: str, suite: str, tests: Sequence[TestResult]) -> JunitSuite:
    track = names.get(cell, safe_track(cell))
    prefix = f"{track}." if cell else ""
    ordered = sorted(tests, key=lambda test: (test.classname, test.name, test.nodeid))
    share = _share(ordered)
    return JunitSuite(
        file=f"junit_{file_safe(cell or 'run')}_{file_safe(suite)}.xml",
        name=prefix + suite,
        started=min((test.started for test in tests if test.started), default=report.started),
        cases=tuple(
            _case(report, test, prefix + test.classname, name, share)
            for test, name in zip(ordered, unique(ordered), strict=True)
        ),
        properties=_properties(report, next((item for item in report.cells if item.name == cell), None)),
    )


def _share(tests: Sequence[TestResult]) -> int:
    """Characters of output that each passed test may have."""
    quiet = sum(test.outcome is Outcome.PASSED for test in tests)
    share = min(PASSED_OUTPUT, _QUIET_BUDGET // max(1, quiet))
    return share if share >= _WORTH_READING else 0


def _case(report: Report, test: TestResult, classname: str, name: str, share: int) -> JunitCase:
    stdout, stderr = printed(test), test.log
    if test.outcome is Outcome.PASSED:
        stdout, stderr = (clean(stdout, share), clean(stderr, share)) if share else ("", "")
    files = [value for key, value in test.properties.items() if key.startswith(ATTACHMENT)]
    return JunitCase(
        classname=classname,
        name=name,
        outcome=test.outcome,
        seconds=test.seconds,
        started=test.started,
        message=test.message,
        text=test.details,
        stdout=stdout,
        stderr=stderr,
        earlier=test.earlier,
        properties=_case_properties(test),
        attachments=tuple(_inside(report, [*files, *evidence_files(report, test)])),
    )


def _case_properties(test: TestResult) -> dict[str, str]:
    """What the test recorded itself; for one that is not simply green, also where it ran."""
    found = {
        key: value
        for key, value in test.properties.items()
        if not key.startswith(ATTACHMENT) and len(value) <= PASSED_OUTPUT
    }
    if test.outcome is not Outcome.PASSED:
        found |= {"nodeid": test.nodeid}
        found |= {OUTCOME: str(test.outcome)} if test.outcome in BAD and test.outcome is not Outcome.FAILED else {}
        found |= {"labels": ", ".join(test.labels)} if test.labels else {}
        found |= {"attempts": str(len(test.earlier) + 1)} if test.earlier else {}
    return found


def _inside(report: Report, paths: Sequence[str]) -> list[str]:
    """Those that are files of this run: a report never points Jenkins at anything else."""
    found = [(report.folder / path).resolve() for path in paths]
    return [str(path) for path in found if path.is_relative_to(report.folder) and path.is_file()]


def _lifecycle(
    report: Report, cell: str, track: str, records: Sequence[PhaseRecord], properties: dict[str, str]
) -> JunitSuite:
    suite = f"{track}.lifecycle"
    logs = next((item.logs for item in report.cells if item.name == cell), ())
    return JunitSuite(
        file=f"junit_lifecycle_{file_safe(cell)}.xml",
        name=suite,
        started=report.started,
        cases=tuple(_phase_case(report, suite, record, logs) for record in records),
        properties=properties,
    )


def _phase_case(report: Report, suite: str, record: PhaseRecord, logs: Sequence[str]) -> JunitCase:
    running = record.state == "running"
    return JunitCase(
        classname=suite,
        name=str(record.phase),
        outcome=Outcome.SKIPPED if running else record.outcome or Outcome.HARNESS,
        seconds=record.seconds,
        started=record.started,
        message="still running" if running else record.message,
        text=f"{record.message}\n\n{record.log_tail}".strip(),
        stdout=_left_by_tests(report, record) if record.phase is Phase.LEFTOVERS else "",
        attachments=tuple(_inside(report, logs[:_ATTACHED])) if record.outcome in BAD else (),
    )


def _left_by_tests(report: Report, record: PhaseRecord) -> str:
    """A line a leftover, also when they are no failure."""
    names = {test.nodeid: test.name for test in report.tests}
    found = [item for cell in report.cells if cell.name == record.cell for item in cell.leftovers]
    return "".join(f"{leftover_line(item, names)}\n" for item in found)


def _cell_phases(report: Report, cell: CellRecord) -> list[PhaseRecord]:
    """The same cases in every build, with what was not reached as skipped: exactly one red case for a cell that never came up."""
    red = next((record for record in (*report.failed_phases,) if record.cell in (cell.name, "")), None)
    found = []
    for phase in _LIFECYCLE:
        record = cell.phase(phase)
        if record is not None:
            found.append(record)
        elif phase not in _OPTIONAL:
            kept = (down := cell.phase(Phase.DOWN)) is not None and down.outcome is Outcome.SKIPPED
            why = (
                f"not reached: {red.phase} failed"
                if red
                else "still to come"
                if report.running
                else "the cluster was kept"
                if kept
                else "not reached"
            )
            found.append(PhaseRecord(cell.name, phase, "skipped", Outcome.SKIPPED, 0.0, 0.0, why))
    test = cell.phase(Phase.TEST)
    if test is not None and test.outcome is Outcome.ABORTED:
        found.append(test)
    left = [resource for resource in report.left if resource.cell == cell.name and not resource.kept_until]
    if left and not report.running:
        known = next((record for record in found if record.phase is Phase.LEAK_CHECK and record.bad), None)
        found = [record for record in found if record.phase is not Phase.LEAK_CHECK]
        names = ", ".join(f"{resource.kind} {resource.name}" for resource in left)
        message = f"left behind: {names}; remove with: harness down --run {report.run}"
        record = PhaseRecord(cell.name, Phase.LEAK_CHECK, "failed", Outcome.LEAK, report.ended, 0.0, message)
        if known:  # it names more: each resource, with the command that removes it
            record = replace(record, message=f"{message}\n{known.message}", log_tail=known.log_tail)
        found.append(record)
    return found


def _properties(report: Report, cell: CellRecord | None) -> dict[str, str]:
    facts = {"run": report.run, "cloud": report.cloud}
    if cell is not None:
        facts |= {
            "cell": cell.name,
            "source": cell.cell.source,
            "version": cell.version,
            "deployer": cell.cell.deployer,
            "location": cell.cell.location,
            "moved": cell.cluster_facts.get("moved", ""),
        }
    return {key: value for key, value in facts.items() if value}
