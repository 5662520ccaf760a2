"""Deleting what expired or was abandoned: by the ledgers of this host, by tags and names, and the processes that dead runs left.

Safe to run hourly and from several places at once: a run is taken down under its lock, every judgement is made again just before
something is deleted, and deleting what another sweep deletes already is no error.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from harness.clouds.api import BulkDeleter, Cloud, Group
from harness.errors import AbortedError, HarnessError, Outcome, UsageError
from harness.runs.folder import RunFolder
from harness.runs.janitor import judge, protection
from harness.runs.locks import locked
from harness.runs.ownership import enter, leave, refuse_strangers
from harness.runs.parts import Parts
from harness.runs.processes import Owner, marked, wait_for_end
from harness.runs.state import RunState
from harness.runs.status import RunStatus, status, status_of
from harness.runs.teardown import SECONDS, teardown
from harness.settings import Settings, duration

_ASKING = 8
"""Deletions asked for at the same time: ARM accepts 200 at once and 10 more a second, and answers each in about a second."""
_WAITING = 32
"""Deletions waited for at the same time, each with a look every five seconds; ARM answers 25 reads a second."""
_VIEW_SECONDS = 2.0
_LOCK_SECONDS = 1.0
_TERM_SECONDS = 5.0


@dataclass(frozen=True)
class Finding:
    """Something that exists, and whether it may go."""

    kind: str
    """run, group or process."""
    name: str
    run: str
    why: str
    """Why it goes, or why it is left alone."""
    remove: Callable[[], Outcome] | None = None
    """None for what is left alone. PASSED when it is gone, SKIPPED when somebody needs it after all."""
    folder: RunFolder | None = None
    """Of a run whose reports are to be written afterwards."""
    still: Callable[[], bool] = lambda: True
    """Asked just before: whether it may still go."""


@dataclass(frozen=True)
class Swept:
    """What became of a finding."""

    kind: str
    name: str
    run: str
    why: str
    action: str
    """deleted, would delete, left or failed."""
    outcome: Outcome
    message: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {key: value for key, value in asdict(self).items() if value != ""}


def find(settings: Settings, parts: Parts, cloud: Cloud, now: float | None = None) -> list[Finding]:
    """Everything of ours on the settings' cloud; nothing is touched until ``remove`` is called."""
    now = time.time() if now is None else now
    runs = [run for run in status(settings.reports, now) if run.cloud in (settings.cloud, "")]
    view = _View(cloud)
    findings: list[Finding] = []
    by_ledger: set[str] = set()
    for run in runs:
        going = _going(run, view) if run.overdue(now) else ()
        by_ledger |= {name.lower() for name in going}
        if finding := _run(run, going, cloud, parts, now):
            findings.append(finding)
    for group in view.groups():
        if group.name.lower() not in by_ledger and (finding := _group(group, view, settings, now)):
            findings.append(finding)
    return findings + list(_processes(runs))


def carry_out(
    findings: Sequence[Finding], cloud: Cloud, done: Callable[[Swept], None], *, dry_run: bool = False
) -> list[Swept]:
    """Remove what may go, as much at once as the API takes.

    :param done: called in this thread as each one is over.
    :returns: in the order of the findings.
    """
    chosen = [finding for finding in findings if finding.remove and not dry_run]
    if isinstance(cloud, BulkDeleter) and len(groups := [item for item in chosen if item.kind == "group"]) > _WAITING:
        _ask(cloud, groups)
    results: list[Swept] = []
    with ThreadPoolExecutor(max_workers=_WAITING, thread_name_prefix="sweep") as pool:
        for future in [pool.submit(_remove, finding, dry_run) for finding in findings]:
            results.append(future.result())
            done(results[-1])
    return results


def _ask(cloud: BulkDeleter, groups: Sequence[Finding]) -> None:
    """Have the cloud begin with all of them; each is still proved gone afterwards, and a refusal is seen there."""

    def ask(finding: Finding) -> None:
        try:
            if finding.still():
                cloud.begin_delete_group(finding.name)
        except HarnessError:
            return

    with ThreadPoolExecutor(max_workers=_ASKING, thread_name_prefix="ask") as pool:
        list(pool.map(ask, groups))


def _remove(finding: Finding, dry_run: bool) -> Swept:
    facts = (finding.kind, finding.name, finding.run, finding.why)
    if finding.remove is None:
        return Swept(*facts, "left", Outcome.SKIPPED)
    if dry_run:
        return Swept(*facts, "would delete", Outcome.PASSED)
    began = time.monotonic()
    try:
        outcome = finding.remove() if finding.still() else Outcome.SKIPPED
    except (UsageError, AbortedError) as error:  # somebody else is at it
        return Swept(*facts, "left", Outcome.SKIPPED, str(error))
    except HarnessError as error:
        return Swept(*facts, "failed", error.outcome, str(error), time.monotonic() - began)
    action = {Outcome.PASSED: "deleted", Outcome.SKIPPED: "left"}.get(outcome, "failed")
    return Swept(*facts, action, outcome, "", round(time.monotonic() - began, 3))


def _going(run: RunStatus, view: _View) -> tuple[str, ...]:
    """Names of what a run made, without what is protected by hand: that is found, and left, as a group."""
    found = {resource.name: view.group(resource.name) for resource in run.resources}
    return tuple(name for name, group in found.items() if group is None or not protection(group))


def _run(run: RunStatus, going: Sequence[str], cloud: Cloud, parts: Parts, now: float) -> Finding | None:
    """What is to be done with a run by its ledger.

    :param going: what may be deleted of it.
    """
    if run.problem:
        return Finding("run", "", run.run, f"its ledger cannot be read: {run.problem}")
    if going:
        why = "its process is gone" if run.state.abandoned else "expired"
        folder = run.folder if run.unfinished else None
        return Finding("run", ", ".join(going), run.run, why, _TakeDown(run.folder, cloud, parts, now), folder)
    if run.unfinished:
        why = "its process died before its reports were written"
        return Finding("run", "", run.run, why, partial(_bury, run.folder), run.folder)
    return None


@dataclass(frozen=True)
class _TakeDown:
    """Deletes what a run made, as far as it may go."""

    folder: RunFolder
    cloud: Cloud
    parts: Parts
    now: float

    def __call__(self) -> Outcome:
        return teardown(
            self.folder, kept=True, parts=self.parts, role="sweep", patience=_LOCK_SECONDS, choose=self._chosen
        )

    def _chosen(self, state: RunState) -> Collection[str]:
        """What may still go, with the run's lock held; raises ``AbortedError`` if all of it has been protected by hand."""
        now = max(self.now, time.time())
        if not status_of(self.folder, now).overdue(now):
            return ()
        whys = {group.name.lower(): why for group in self.cloud.groups({}) if (why := protection(group))}
        chosen = [name for name in state.names() if name.lower() not in whys]
        if not chosen:
            left = ", ".join(f"{name} {whys[name.lower()]}" for name in state.names())
            raise AbortedError(f"take down run {self.folder.path.name}", last_seen=left)
        return chosen


def _bury(folder: RunFolder) -> Outcome:
    """Write the ends that the run's dead processes could not write."""
    with locked(folder, f"finish run {folder.path.name}", _LOCK_SECONDS):
        refuse_strangers(folder)
        enter(folder, "sweep")
        leave(folder, Outcome.ABORTED)
    return Outcome.PASSED


class _View:
    """The cloud's groups, listed again when the list is older than two seconds: one list for all that is about to be deleted."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._lock = threading.Lock()
        self._listed: dict[str, Group] = {}
        self._at = float("-inf")

    def groups(self) -> list[Group]:
        with self._lock:
            if time.monotonic() - self._at > _VIEW_SECONDS:
                self._listed = {group.name.lower(): group for group in self.cloud.groups({})}
                self._at = time.monotonic()
            return list(self._listed.values())

    def group(self, name: str) -> Group | None:
        self.groups()
        return self._listed.get(name.lower())


@dataclass(frozen=True)
class _Removal:
    """Deletes one group if it may still go."""

    name: str
    view: _View
    settings: Settings
    now: float

    def still(self) -> bool:
        """Whether it may still go; one that another sweep has deleted may."""
        group = self.view.group(self.name)
        judgement = group and judge(group, *_rules(self.settings, max(self.now, time.time())))
        return group is None or bool(judgement and judgement.delete)

    def __call__(self) -> Outcome:
        self.view.cloud.delete_group(self.name, datetime.fromtimestamp(time.time() + SECONDS, UTC))
        return Outcome.PASSED


def _rules(settings: Settings, now: float) -> tuple[Callable[[str], RunStatus | None], float, float]:
    def ledger_of(run: str) -> RunStatus | None:
        folder = RunFolder(settings.reports / run)
        if not folder.plan.exists() and not folder.ledger.exists():
            return None
        try:
            return status_of(folder, now)
        except HarnessError as error:
            return RunStatus(run, folder, "", RunState(), problem=str(error))

    return ledger_of, duration(settings.expires), now


def _group(group: Group, view: _View, settings: Settings, now: float) -> Finding | None:
    judgement = judge(group, *_rules(settings, now))
    if judgement is None:
        return None
    if not judgement.delete:
        return Finding("group", group.name, judgement.run, judgement.why)
    removal = _Removal(group.name, view, settings, now)
    return Finding("group", group.name, judgement.run, judgement.why, removal, still=removal.still)


def _processes(runs: Sequence[RunStatus]) -> Iterator[Finding]:
    """Processes of this host that carry the mark of a run on which no owner works any more."""
    dead = {run.run: run.folder for run in runs if not run.owners and not run.problem and run.state.started}
    this = Owner.this()
    for run, process in marked():
        if run in dead and process != this:
            why = "its run is dead"
            yield Finding("process", str(process.pid), run, why, partial(_end, process, dead[run]))


def _end(process: Owner, folder: RunFolder) -> Outcome:
    if status_of(folder).owners:
        return Outcome.SKIPPED
    process.send(signal.SIGTERM)
    for left in wait_for_end([process], _TERM_SECONDS):
        left.send(signal.SIGKILL)
    return Outcome.LEAK if wait_for_end([process], _TERM_SECONDS) else Outcome.PASSED
