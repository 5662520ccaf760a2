"""What sweep may delete, and what it must not touch."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.clouds.api import TAG_CREATED, TAG_EXPIRES, TAG_KEEP, TAG_OWNER, TAG_RUN, Group
from harness.clouds.detached import MARK
from harness.errors import Outcome
from harness.runs.api import Keep
from harness.runs.folder import RunFolder
from harness.runs.janitor import judge
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.plan import group_name, load_plan
from harness.runs.processes import Owner
from harness.runs.state import RunState
from harness.runs.status import RunStatus, status
from harness.runs.sweep import Finding, Swept, carry_out, find
from harness.settings import Settings

from .fakes import FileCloud

DAY = 86400
HOUR = 3600
OURS = {TAG_RUN: "r1", TAG_OWNER: "me"}
OLD = {**OURS, TAG_EXPIRES: "2020-01-01T00:00:00Z"}
NAMED = "harness-20260101-000000-abcd-1"


@pytest.fixture
def cloud(settings: Settings) -> Iterator[FileCloud]:
    with FileCloud(settings) as opened:
        yield opened


def up(settings: Settings, parts: Parts) -> Lifecycle:
    lifecycle = Lifecycle.open(settings, None, parts=parts)
    lifecycle.prepare()
    lifecycle.start()
    lifecycle.join()
    return lifecycle


def doomed(settings: Settings, parts: Parts, cloud: FileCloud, now: float | None = None) -> list[Finding]:
    return [finding for finding in find(settings, parts, cloud, now) if finding.remove]  # type: ignore[arg-type]


def swept(settings: Settings, parts: Parts, cloud: FileCloud, now: float | None = None) -> list[Swept]:
    return carry_out(find(settings, parts, cloud, now), cloud, lambda item: None)  # type: ignore[arg-type]


def actions(items: list[Swept]) -> dict[str, str]:
    return {item.name: item.action for item in items}


def owned_by_init(lifecycle: Lifecycle) -> None:
    """Another process, which lives, works on the run."""
    init = Owner.of(1)
    lifecycle.ledger.append("run", state="started", run=lifecycle.plan.run, pid=1, pid_started=init.started)


def test_a_running_run_is_not_touched(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    lifecycle = up(settings, parts)
    owned_by_init(lifecycle)
    assert status(settings.reports)[0].what == "running"
    assert actions(swept(settings, parts, cloud, time.time() + DAY)) == {f"harness-{lifecycle.plan.run}-1": "left"}
    assert len(cloud.groups({})) == 1


def test_a_run_that_is_taken_up_between_finding_and_deleting_is_not_touched(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    lifecycle = up(settings, parts)
    findings = doomed(settings, parts, cloud)
    owned_by_init(lifecycle)
    assert [item.action for item in carry_out(findings, cloud, lambda item: None)] == ["left"]  # type: ignore[arg-type]
    assert len(cloud.groups({})) == 1


def test_a_group_whose_expiry_is_extended_between_finding_and_deleting_is_not_touched(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    cloud.create_group("extended", "westeurope", OLD)
    findings = doomed(settings, parts, cloud)
    cloud.create_group("extended", "westeurope", {**OLD, TAG_EXPIRES: "2999-01-01T00:00:00Z"})
    time.sleep(2.1)  # no list that is older than two seconds is believed
    assert [item.action for item in carry_out(findings, cloud, lambda item: None)] == ["left"]  # type: ignore[arg-type]
    assert len(cloud.groups({})) == 1


def test_a_run_of_another_host_is_not_touched_before_it_expires(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    """Two agents may share one folder of reports."""
    lifecycle = up(settings, parts)
    run = lifecycle.plan.run
    lifecycle.ledger.append(
        "run",
        state="started",
        run=run,
        pid=1,
        pid_started="another boot:1",
        host="agent-7/0123",
        pid_namespace="pid:[1]",
    )
    (left,) = swept(settings, parts, cloud)
    assert (left.action, left.why) == ("left", f"run {run} is going on (process 1 on agent-7)")
    assert status(settings.reports)[0].what == "running"
    assert [item.kind for item in doomed(settings, parts, cloud, time.time() + DAY)] == ["run"]


def test_what_a_dead_process_left_goes_at_once(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    up(settings, parts)  # this process counts as dead to itself: nobody else works on the run
    found = doomed(settings, parts, cloud)
    assert [item.why for item in found] == ["its process is gone"]
    assert carry_out(found, cloud, lambda item: None, dry_run=True)[0].action == "would delete"  # type: ignore[arg-type]
    assert len(cloud.groups({})) == 1, "finding deletes nothing"
    assert [item.action for item in carry_out(found, cloud, lambda item: None)] == ["deleted"]  # type: ignore[arg-type]
    assert cloud.groups({}) == []
    assert status(settings.reports)[0].what == "gone"


def mark(cloud: FileCloud, group: str) -> None:
    cloud.tag_group(group, {TAG_KEEP: "true"})


def disown(cloud: FileCloud, group: str) -> None:
    cloud.untag_group(group, TAG_OWNER)


@pytest.mark.parametrize(
    ("protect", "why"),
    [(mark, "marked harness-keep=true"), (disown, "has no tag harness-owner")],
    ids=["kept", "unowned"],
)
def test_what_a_dead_process_left_stays_if_somebody_protects_it_by_hand(
    settings: Settings, parts: Parts, cloud: FileCloud, protect: Callable[[FileCloud, str], None], why: str
) -> None:
    lifecycle = up(settings, parts)
    group = f"harness-{lifecycle.plan.run}-1"
    protect(cloud, group)
    items = swept(settings, parts, cloud, time.time() + DAY)
    (left,) = [item for item in items if item.kind == "group"]
    assert (left.name, left.action) == (group, "left")
    assert left.why.startswith(why)
    assert [found.name for found in cloud.groups({})] == [group]
    assert status(settings.reports)[0].what == "abandoned", "harness status goes on to show it"
    assert Lifecycle.teardown(lifecycle.folder.path, parts=parts) is Outcome.PASSED, "harness down was asked to"
    assert cloud.groups({}) == []


def test_what_is_protected_between_finding_and_deleting_stays(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    lifecycle = up(settings, parts)
    findings = doomed(settings, parts, cloud)
    mark(cloud, f"harness-{lifecycle.plan.run}-1")
    (item,) = carry_out(findings, cloud, lambda item: None)  # type: ignore[arg-type]
    assert item.action == "left"
    assert "marked harness-keep=true" in item.message
    assert len(cloud.groups({})) == 1


def test_one_protected_group_does_not_save_the_others_of_its_run(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    lifecycle = up(settings.changed(source=("module:v1.37.2", "module:v1.36.3")), parts)
    kept, other = (f"harness-{lifecycle.plan.run}-{number}" for number in (1, 2))
    mark(cloud, kept)
    assert actions(swept(settings, parts, cloud)) == {other: "deleted", kept: "left"}
    assert [group.name for group in cloud.groups({})] == [kept]
    assert RunState.of(Ledger(lifecycle.folder.ledger).read()).names() == {kept}
    cloud.untag_group(kept, TAG_KEEP)
    assert actions(swept(settings, parts, cloud)) == {kept: "deleted"}, "protected no longer"
    assert cloud.groups({}) == []


def test_a_dead_run_whose_group_is_protected_gets_its_reports(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    lifecycle = up(settings, parts)
    group = f"harness-{lifecycle.plan.run}-1"
    mark(cloud, group)
    (found,) = doomed(settings, parts, cloud)
    assert (found.name, found.folder) == ("", lifecycle.folder)
    assert actions(swept(settings, parts, cloud)) == {"": "deleted", group: "left"}
    assert not status(settings.reports)[0].unfinished
    assert actions(swept(settings, parts, cloud)) == {group: "left"}


def test_a_kept_cluster_stays_until_it_expires(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    up(settings, parts).finish(aborted=False, keep=Keep.ALWAYS)
    assert status(settings.reports)[0].what == "kept"
    assert doomed(settings, parts, cloud) == []
    assert [item.why for item in doomed(settings, parts, cloud, time.time() + DAY)] == ["expired"]


def test_groups_of_other_hosts_go_by_tag_or_name_and_only_if_they_are_ours(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    groups = {
        "old": OLD,
        NAMED: {TAG_OWNER: "me"},
        "young": {**OURS, TAG_EXPIRES: "2999-01-01T00:00:00Z"},
        "unowned": {TAG_RUN: "r1", TAG_EXPIRES: "2020-01-01T00:00:00Z"},
        "marked": {**OLD, TAG_KEEP: "true"},
        "odd": {**OURS, TAG_EXPIRES: "tomorrow"},
        "somebody-elses": {},
    }
    for name, tags in groups.items():
        cloud.create_group(name, "westeurope", tags)
    assert actions(swept(settings, parts, cloud)) == {
        "old": "deleted",
        NAMED: "deleted",
        "young": "left",
        "unowned": "left",
        "marked": "left",
        "odd": "left",
    }
    assert sorted(group.name for group in cloud.groups({})) == ["marked", "odd", "somebody-elses", "unowned", "young"]


def test_one_that_does_not_go_does_not_save_the_others(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    cloud.create_group("a", "stubborn", OLD)
    cloud.create_group("b", "westeurope", OLD)
    items = swept(settings, parts, cloud)
    assert actions(items) == {"a": "failed", "b": "deleted"}
    assert items[0].outcome is Outcome.LEAK


def test_an_unreadable_ledger_protects_what_it_may_speak_of(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    lifecycle = up(settings, parts)
    with lifecycle.ledger.path.open("a") as file:
        file.write('{"v": 99, "at": 1, "kind": "run", "cell": ""}\n')
    assert status(settings.reports)[0].what == "unreadable"
    assert {item.action for item in swept(settings, parts, cloud, time.time() + DAY)} == {"left"}
    assert len(cloud.groups({})) == 1


@pytest.mark.parametrize(
    ("tags", "hours", "delete"),
    [
        ({TAG_CREATED: "2026-01-01T00:00:00Z"}, 5.9, False),
        ({TAG_CREATED: "2026-01-01T00:00:00Z"}, 6.1, True),
        ({}, 5.9, False),
        ({}, 6.1, True),
        ({TAG_CREATED: "long ago"}, 100, False),
        ({TAG_KEEP: "false"}, 6.1, True),
        ({TAG_KEEP: ""}, 6.1, True),
        ({TAG_KEEP: "until-monday"}, 100, False),
    ],
)
def test_a_group_that_lost_its_expiry_goes_by_its_age(tags: dict[str, str], hours: float, delete: bool) -> None:
    born = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    group = Group(NAMED.upper(), "westeurope", {TAG_OWNER: "me", **tags}, "Succeeded")
    judgement = judge(group, lambda run: None, 6 * HOUR, born + hours * HOUR)
    assert judgement is not None
    assert judgement.delete is delete, judgement.why


def test_a_failover_group_that_lost_its_run_tag_is_known_by_its_name(settings: Settings, parts: Parts) -> None:
    _, plan = load_plan(up(settings, parts).folder)
    group = Group(group_name(plan, plan.cells[0].name, 2), "westeurope", {TAG_OWNER: "me"}, "Succeeded")
    judgement = judge(group, lambda run: None, 6 * HOUR, time.time() + DAY)
    assert judgement is not None
    assert (judgement.run, judgement.delete) == (plan.run, True)


def test_a_group_that_another_sweep_deletes_already_is_no_error(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    cloud.create_group("old", "westeurope", OLD)
    findings = doomed(settings, parts, cloud)
    cloud.delete_group("old", datetime.now(UTC))
    assert [item.action for item in carry_out(findings, cloud, lambda item: None)] == ["deleted"]  # type: ignore[arg-type]


def test_processes_of_a_dead_run_go_and_those_of_others_stay(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    lifecycle = up(settings, parts)
    lifecycle.finish(aborted=False)
    runs = {"dead": lifecycle.plan.run, "unknown": "20260101-000000-ffff"}
    started = {
        name: subprocess.Popen([sys.executable, "-c", "input()"], env={**os.environ, MARK: run}, stdin=subprocess.PIPE)
        for name, run in runs.items()
    }
    try:
        while len([process for process in started.values() if _marked(process.pid)]) < 2:
            time.sleep(0.01)
        assert actions(swept(settings, parts, cloud)) == {str(started["dead"].pid): "deleted"}
        assert started["dead"].wait(10) != 0
        assert started["unknown"].poll() is None
    finally:
        for process in started.values():
            process.communicate(b"\n", timeout=10)


def _marked(pid: int) -> bool:
    return MARK.encode() in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_run_whose_processes_died_at_the_very_end_is_finished(
    settings: Settings, parts: Parts, cloud: FileCloud
) -> None:
    lifecycle = up(settings, parts)
    lifecycle.finish(aborted=False)
    lifecycle.ledger.append("run", state="started", run=lifecycle.plan.run, pid=1, pid_started="another boot:1")
    assert status(settings.reports)[0].unfinished
    (found,) = doomed(settings, parts, cloud)
    assert found.folder == lifecycle.folder
    carry_out([found], cloud, lambda item: None)  # type: ignore[arg-type]
    assert not status(settings.reports)[0].unfinished
    assert RunState.of(Ledger(lifecycle.folder.ledger).read()).ended


def test_plans_survive_their_file(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    lifecycle = up(settings, parts)
    assert load_plan(lifecycle.folder) == (settings, lifecycle.plan)
    lifecycle.finish(aborted=False)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text('{"settings": {"clo')])
def test_a_lost_plan_is_read_from_the_ledger(
    settings: Settings, parts: Parts, cloud: FileCloud, harm: Callable[[Path], None]
) -> None:
    lifecycle = up(settings, parts)
    harm(lifecycle.folder.plan)
    assert load_plan(RunFolder.find(settings.reports, lifecycle.plan.run)) == (settings, lifecycle.plan)
    assert [item.action for item in swept(settings, parts, cloud)] == ["deleted"]
    assert cloud.groups({}) == []


def test_status_of_a_run_that_is_running(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    lifecycle = up(settings, parts)
    owned_by_init(lifecycle)
    found: RunStatus = status(settings.reports)[0]
    assert (found.what, found.owners[0].pid, found.folder) == ("running", 1, RunFolder(lifecycle.folder.path))
    lifecycle.ledger.append("stopping", signal="SIGTERM", pid=1)
    assert status(settings.reports)[0].what == "stopping"
