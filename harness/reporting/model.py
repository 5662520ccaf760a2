"""Makes a :class:`~harness.reporting.record.Report` of a run's folder: ledger, results, plan and what was planned to run.

Works for every state a folder can be in: in the middle of a run, after ``kill -9``, or with a file missing. Nothing is ever left out in
silence: a test that was planned and has no result gets one that says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.clusters.api import Cluster
from harness.errors import Outcome
from harness.reporting import words
from harness.reporting.api import TestResult
from harness.reporting.evidence import collected, left_by_tests
from harness.reporting.planned import unrun
from harness.reporting.record import BAD, CellRecord, Left, PhaseRecord, Report
from harness.reporting.results import cleaned, folded, parse
from harness.reporting.text import clean, line
from harness.runs.api import Cell, Phase, Plan
from harness.runs.folder import RunFolder
from harness.runs.ledger import Entry, Ledger
from harness.runs.plan import load_plan
from harness.runs.state import RunState, worst
from harness.settings import Settings

_PHASES = list(Phase)


def load(run_folder: Path, *, publish: bool = True) -> Report:
    """Everything known of the run in this folder.

    :param publish: make every text fit to be shown; without, the texts are raw and only good for counting.
    :raises UsageError: if it is not the folder of a run.
    """
    folder = RunFolder(run_folder.resolve())
    settings, plan = load_plan(folder)
    entries = Ledger(folder.ledger).read()
    state = RunState.of(entries)
    running = bool(state.live_owners())
    phases = _phases(entries, running)
    cells = tuple(_cell(folder, cell, phases, _moves(entries, cell)) for cell in plan.cells)
    tests, warnings = _tests(folder.results, publish)
    tests += unrun(folder.path / "planned.json", plan, cells, phases, tests, running=running, stopped=state.stopping)
    left = _left(state)
    times = [entry.at for entry in entries] + [test.started + test.seconds for test in tests if test.started]
    started = state.started or min(times, default=0.0)
    report = Report(
        folder=folder.path,
        run=plan.run,
        cloud=plan.cloud,
        owner=line(plan.owner),
        started=started,
        ended=max(times, default=started),
        running=running,
        outcome=Outcome.PASSED,
        cells=cells,
        phases=phases,
        tests=tuple(tests),
        left=left,
        warnings=tuple(warnings),
        collected=tuple(item for cell in plan.cells for item in collected(folder, cell.name)),
        why=_why(settings, plan),
        picked=bool(plan.picks),
    )
    return replace(report, outcome=_outcome(report, state))


def _why(settings: Settings, plan: Plan) -> tuple[str, ...]:
    if plan.picks:
        since = f"what changed since {settings.changed_since}"
        return (since, *(line(f"{pick.suite}: {why}") for pick in plan.picks for why in pick.why))
    named = "as asked by --suite" if settings.suite else "all there are"
    chosen = f"those of {Path(settings.matrix).name}" if settings.matrix and not settings.suite else named
    why = [f"suites: {', '.join(plan.suites)} ({chosen})"]
    if "conformance" in plan.suites:
        which = {"fast": "a fast selection over every SIG", "full": "every spec of the label"}
        why.append(f"conformance specs: {which.get(settings.conformance, settings.conformance)}")
    return tuple(why)


def _outcome(report: Report, state: RunState) -> Outcome:
    """The worst of what tests, phases and leftovers amount to; SKIPPED if nothing ran."""
    outcomes = [test.outcome for test in report.tests]
    outcomes += [record.outcome for record in report.failed_phases if record.outcome]
    if state.outcome in BAD and state.outcome is not Outcome.LEAK:  # what is left now is known better
        outcomes.append(state.outcome)
    if not report.running and any(not resource.kept_until for resource in report.left):
        outcomes.append(Outcome.LEAK)
    return worst(outcomes)


def _phases(entries: Iterable[Entry], running: bool) -> tuple[PhaseRecord, ...]:
    """Every phase in order of time; one that has no end runs on, or was cut off with its process."""
    records: list[PhaseRecord] = []
    open_at: dict[tuple[str, str], int] = {}
    last = 0.0
    for entry in entries:
        last = max(last, entry.at)
        if entry.kind == "run" and entry.fields.get("resumed"):
            records = [_superseded(record) for record in records]
        if entry.kind != "phase" or entry.text("phase") not in _PHASES:
            continue
        key = (entry.cell, entry.text("phase"))
        record = _phase(entry)
        if record.state == "running":
            open_at[key] = len(records)
            records.append(record)
        elif (index := open_at.pop(key, None)) is not None:
            started = records[index].started
            records[index] = replace(record, started=started, seconds=max(record.seconds, entry.at - started))
        else:
            records.append(record)
    for index in open_at.values():
        seconds = max(0.0, last - records[index].started)
        records[index] = replace(records[index], seconds=seconds) if running else _cut_off(records[index], seconds)
    return tuple(records)


def _superseded(record: PhaseRecord) -> PhaseRecord:
    """What a later resumption made good."""
    if not record.bad and record.state != "running":
        return record
    message = f"cut off, and resumed later; {record.message}".rstrip("; ")
    return replace(record, state="skipped", outcome=Outcome.SKIPPED, message=message)


def _cut_off(record: PhaseRecord, seconds: float) -> PhaseRecord:
    if record.phase is Phase.REPORT:  # this very report
        return replace(record, state="passed", outcome=Outcome.PASSED, seconds=seconds)
    message = "cut off: the process that ran it is gone and left no result"
    return replace(record, state="failed", outcome=Outcome.ABORTED, seconds=seconds, message=message)


def _phase(entry: Entry) -> PhaseRecord:
    state = entry.text("state")
    seconds = float(entry.fields.get("seconds") or 0.0)
    raw = entry.text("outcome")
    fallback = {"passed": Outcome.PASSED, "skipped": Outcome.SKIPPED}.get(state, Outcome.HARNESS)
    return PhaseRecord(
        cell=entry.cell,
        phase=Phase(entry.text("phase")),
        state="running" if state == "started" else state,
        outcome=None if state == "started" else Outcome(raw) if raw in list(Outcome) else fallback,
        started=entry.at - (0.0 if state == "started" else seconds),
        seconds=seconds,
        message=line(entry.text("message"), 2_000),
        log_tail=clean(entry.text("log_tail")),
    )


def _cell(folder: RunFolder, cell: Cell, phases: tuple[PhaseRecord, ...], moves: str) -> CellRecord:
    place = folder.cell(cell.name)
    latest = {record.phase: record for record in phases if record.cell == cell.name}
    files = place.logs.rglob("*") if place.logs.is_dir() else ()
    cluster = cluster_at(place.cluster)
    leftovers, unseen = left_by_tests(place)
    return CellRecord(
        cell=cell,
        version=cluster.version if cluster else cell.source.rpartition(":")[2],
        nodes=cluster.nodes if cluster else (),
        phases=tuple(latest[phase] for phase in _PHASES if phase in latest),
        logs=tuple(sorted(str(path.relative_to(folder.path)) for path in files if path.is_file())),
        cluster_facts=({"group": cluster.group, "server": cluster.server, **cluster.deviations} if cluster else {})
        | ({"moved": moves} if moves else {}),
        leftovers=leftovers,
        unseen=unseen,
    )


def _moves(entries: Iterable[Entry], cell: Cell) -> str:
    """Where the cell went and why: ``westeurope -> northeurope (SkuNotAvailable)``; empty if it came up where it was planned."""
    return line(
        ", ".join(
            f"{entry.text('source')} -> {entry.text('target')} ({entry.text('code') or entry.text('outcome')})"
            for entry in entries
            if entry.kind == "moved" and entry.cell == cell.name
        )
    )


def cluster_at(path: Path) -> Cluster | None:
    """The cluster that a cell's cluster.json describes; None if there is none to be read."""
    try:
        return Cluster.load(path)
    except (OSError, ValueError, KeyError, TypeError):  # it never came up, or the file is half written
        return None


def _tests(path: Path, publish: bool) -> tuple[list[TestResult], list[str]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], []
    whole, torn = lines[:-1], lines[-1]
    results = [parse(raw) for raw in (*whole, torn) if raw.strip()]
    lost = sum(result is None for result in results) - bool(torn.strip() and results[-1] is None)
    warnings = [f"{words.counted(lost, 'line')} of {path.name} could not be read"] if lost > 0 else []
    return folded([cleaned(result) if publish else result for result in results if result]), warnings


def _left(state: RunState) -> tuple[Left, ...]:
    return tuple(
        Left(line(kind), line(name), resource.cell, state.kept.get((kind, name), 0.0))
        for (kind, name), resource in state.remaining.items()
    )
