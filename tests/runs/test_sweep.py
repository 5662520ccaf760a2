"""What sweep may delete, and what it must not touch."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from harness.clouds.api import TAG_EXPIRES, TAG_RUN
from harness.errors import HarnessError
from harness.runs.api import Keep
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.plan import load_plan
from harness.runs.processes import Owner
from harness.runs.status import status
from harness.runs.sweep import candidates
from harness.settings import Settings

from .fakes import FileCloud

DAY = 86400


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


def test_a_running_run_is_not_touched(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    lifecycle = up(settings, parts)
    ledger = lifecycle.ledger
    ledger.append("run", state="started", run=lifecycle.plan.run, pid=1, pid_started=Owner.of(1).started)
    assert status(settings.reports)[0].what == "running"
    assert list(candidates(settings, parts, time.time() + DAY)) == []
    lifecycle.finish(aborted=False)


def test_what_a_dead_process_left_goes_at_once(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    up(settings, parts)  # this process counts as dead to itself: nobody else works on the run
    found = list(candidates(settings, parts))
    assert [item.why for item in found] == ["its process is gone"]
    assert len(cloud.groups({})) == 1, "finding deletes nothing"
    assert found[0].remove() == "passed"
    assert cloud.groups({}) == []
    assert status(settings.reports)[0].what == "gone"


def test_a_kept_cluster_stays_until_it_expires(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    up(settings, parts).finish(aborted=False, keep=Keep.ALWAYS)
    assert status(settings.reports)[0].what == "kept"
    assert list(candidates(settings, parts)) == []
    assert [item.why for item in candidates(settings, parts, time.time() + DAY)] == ["expired"]


def test_groups_of_other_hosts_go_by_their_tag(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    cloud.create_group("old", "westeurope", {TAG_RUN: "r1", TAG_EXPIRES: "2020-01-01T00:00:00Z"})
    cloud.create_group("young", "westeurope", {TAG_RUN: "r2", TAG_EXPIRES: "2999-01-01T00:00:00Z"})
    cloud.create_group("somebody-elses", "westeurope", {})
    for item in candidates(settings, parts):
        item.remove()
    assert [group.name for group in cloud.groups({})] == ["somebody-elses", "young"]


def test_a_tag_that_says_nothing_is_not_guessed(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    cloud.create_group("odd", "westeurope", {TAG_RUN: "r1", TAG_EXPIRES: "tomorrow"})
    with pytest.raises(HarnessError, match="tomorrow"):
        list(candidates(settings, parts))


def test_plans_survive_their_file(settings: Settings, parts: Parts, cloud: FileCloud) -> None:
    lifecycle = up(settings, parts)
    assert load_plan(lifecycle.folder) == (settings, lifecycle.plan)
    assert Ledger(lifecycle.folder.ledger).read()[0].text("run") == lifecycle.plan.run
    lifecycle.finish(aborted=False)
