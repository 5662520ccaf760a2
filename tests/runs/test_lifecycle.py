"""A run from plan to proof, on a cloud of files: whatever happens, nothing is left."""

from __future__ import annotations

import json
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clusters.api_server import serving_version

from harness.clouds.api import TAG_EXPIRES, TAG_RUN
from harness.clusters.api import keys_of
from harness.errors import BuildError, DeployError, HarnessError, Outcome, UsageError
from harness.runs.api import Keep, Phase
from harness.runs.awaiting import wait_for_cluster
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.plan import rfc3339
from harness.runs.state import RunState
from harness.runs.status import status_of
from harness.settings import Settings

from .fakes import FileCloud

CELL = "v1.37.2-kubeadm-westeurope"


def soon(seconds: float = 20) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def groups(settings: Settings) -> list[str]:
    return sorted(path.stem for path in (settings.state / "groups").glob("*.json"))


def phases(lifecycle: Lifecycle, cell: str) -> list[tuple[str, str]]:
    state = RunState.of(Ledger(lifecycle.folder.ledger).read())
    return [(phase, found.state) for (name, phase), found in state.phases.items() if name == cell]


def started(settings: Settings, parts: Parts) -> Lifecycle:
    lifecycle = Lifecycle.open(settings, None, parts=parts)
    lifecycle.prepare()
    lifecycle.start()
    return lifecycle


def test_a_run_comes_up_is_used_and_leaves_nothing(settings: Settings, parts: Parts) -> None:
    lifecycle = started(settings, parts)
    cluster = wait_for_cluster(lifecycle.folder.path, CELL, soon())
    assert cluster.group == f"harness-{lifecycle.plan.run}-1"
    assert groups(settings) == [cluster.group]
    assert lifecycle.finish(aborted=False) is Outcome.PASSED
    assert groups(settings) == []
    names = ["build", "up", "readiness", "test", "down", "leak-check"]
    assert phases(lifecycle, CELL) == [(name, "passed") for name in names]
    assert (settings.reports / "latest").resolve() == lifecycle.folder.path.resolve()
    state = RunState.of(Ledger(lifecycle.folder.ledger).read())
    assert state.ended
    assert not state.remaining


def test_a_failed_bring_up_reaches_every_waiter_and_is_taken_down(settings: Settings, parts: Parts) -> None:
    lifecycle = started(settings.changed(location=("failing", "westeurope")), parts)
    with pytest.raises(DeployError, match="3 nodes Ready") as caught:
        wait_for_cluster(lifecycle.folder.path, "v1.37.2-kubeadm-failing", soon())
    assert caught.value.log_tail == "kubelet: no"
    wait_for_cluster(lifecycle.folder.path, CELL, soon())
    assert lifecycle.finish(aborted=False) is Outcome.DEPLOY
    assert groups(settings) == []
    assert ("collect", "passed") in phases(lifecycle, "v1.37.2-kubeadm-failing")
    assert (lifecycle.folder.cell("v1.37.2-kubeadm-failing").logs / "console.log").exists()


def test_a_failed_build_ends_only_its_cell(settings: Settings, parts: Parts) -> None:
    lifecycle = Lifecycle.open(settings.changed(source=("module:v0.0.0", "module:v1.37.2")), None, parts=parts)
    assert list(lifecycle.prepare()) == [CELL]
    lifecycle.start()
    with pytest.raises(BuildError, match="undefined: x"):
        wait_for_cluster(lifecycle.folder.path, "v0.0.0-kubeadm-westeurope", soon())
    wait_for_cluster(lifecycle.folder.path, CELL, soon())
    assert lifecycle.finish(aborted=False) is Outcome.BUILD


def test_an_abort_cuts_bring_up_short_and_takes_it_down(settings: Settings, parts: Parts) -> None:
    lifecycle = started(settings.changed(location=("slow",)), parts)
    while not groups(settings):
        time.sleep(0.01)
    began = time.monotonic()
    assert lifecycle.finish(aborted=True) is Outcome.ABORTED
    assert time.monotonic() - began < 5
    assert groups(settings) == []


def test_what_does_not_go_is_a_leak_that_is_named(settings: Settings, parts: Parts) -> None:
    lifecycle = started(settings.changed(location=("stubborn",)), parts)
    wait_for_cluster(lifecycle.folder.path, "v1.37.2-kubeadm-stubborn", soon())
    assert lifecycle.finish(aborted=False) is Outcome.LEAK
    state = RunState.of(Ledger(lifecycle.folder.ledger).read())
    assert f"harness-{lifecycle.plan.run}-1" in state.phases["v1.37.2-kubeadm-stubborn", Phase.LEAK_CHECK].message
    assert len(state.abandoned) == 1


@pytest.mark.parametrize(
    ("keep", "failed", "left"),
    [("never", True, 0), ("on-failure", False, 0), ("on-failure", True, 1), ("always", False, 1)],
)
def test_keep_decides_what_survives(settings: Settings, parts: Parts, keep: str, failed: bool, left: int) -> None:
    lifecycle = started(settings.changed(keep=keep), parts)
    wait_for_cluster(lifecycle.folder.path, CELL, soon())
    lifecycle.finish(aborted=False, failed=failed)
    assert len(groups(settings)) == left


def test_keys_that_a_killed_process_left_go_with_the_cluster(settings: Settings, parts: Parts) -> None:
    lifecycle = started(settings, parts)
    cluster = wait_for_cluster(lifecycle.folder.path, CELL, soon())
    keys = keys_of(cluster.kubeconfig)
    keys.mkdir()
    (keys / "client.key").touch()
    lifecycle.finish(aborted=False)
    assert not keys.exists()


def test_what_killed_tests_left_in_the_hosts_temporary_files_goes_with_the_run(
    settings: Settings, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lifecycle = started(settings, parts)
    wait_for_cluster(lifecycle.folder.path, CELL, soon())
    scratch = lifecycle.folder.make_scratch()
    assert scratch == lifecycle.folder.make_scratch()
    assert scratch.stat().st_mode & 0o777 == 0o700
    (scratch / "test-kuberc1").mkdir()
    assert Lifecycle.teardown(lifecycle.folder.path, parts=parts) is Outcome.PASSED
    assert not scratch.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away")
def test_a_folder_that_somebody_else_made_is_not_used(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "r")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        os.chown(folder.make_scratch(), 1, 1)
        with pytest.raises(HarnessError, match="belongs to user 1"):
            folder.make_scratch()


def test_a_kept_cluster_says_how_to_use_and_remove_it_and_expires_later(settings: Settings, parts: Parts) -> None:
    lifecycle = started(settings.changed(keep="on-failure", expires="1h"), parts)
    cluster = wait_for_cluster(lifecycle.folder.path, CELL, soon())
    cluster.kubeconfig.write_text("{}")
    object.__setattr__(lifecycle.plan, "expires", time.time() + 60)  # the run has nearly used up its hour
    lifecycle.finish(aborted=False, failed=True)
    state = RunState.of(Ledger(lifecycle.folder.ledger).read())
    message = state.phases[CELL, Phase.DOWN].message
    assert f"export KUBECONFIG={cluster.kubeconfig}" in message
    assert f"harness down --run {lifecycle.plan.run}" in message
    [until] = state.kept.values()
    assert until == pytest.approx(time.time() + 3600, abs=60)
    group = json.loads((settings.state / "groups" / f"{cluster.group}.json").read_text())
    assert datetime.fromisoformat(group["tags"][TAG_EXPIRES]).timestamp() == pytest.approx(until, abs=1)
    assert group["tags"][TAG_RUN] == lifecycle.plan.run


def expiry(settings: Settings, group: str) -> float:
    tags = json.loads((settings.state / "groups" / f"{group}.json").read_text())["tags"]
    return datetime.fromisoformat(tags[TAG_EXPIRES]).timestamp()


def test_a_group_does_not_expire_before_its_run_has_ended(settings: Settings, parts: Parts) -> None:
    for limits in ({"deadline": "8h"}, {"expires": "1s"}):
        lifecycle = started(settings.changed(**limits), parts)
        lifecycle.join()
        group = f"harness-{lifecycle.plan.run}-1"
        assert expiry(settings, group) > lifecycle.budget.end + 1800, limits
        assert expiry(settings, group) == pytest.approx(status_of(lifecycle.folder).expires, abs=1)
        lifecycle.finish(aborted=False)


@pytest.mark.parametrize("resumed", [False, True], ids=["tested again", "resumed"])
@pytest.mark.parametrize("tag", ["in a minute", "in a year", "nonsense"])
def test_a_group_does_not_expire_during_a_later_session(
    settings: Settings, parts: Parts, resumed: bool, tag: str
) -> None:
    first = started(settings, parts)
    first.join()
    first.finish(aborted=False, keep=Keep.ALWAYS)
    group = f"harness-{first.plan.run}-1"
    dates = {"in a minute": rfc3339(time.time() + 60), "in a year": rfc3339(time.time() + 365 * 86400)}
    with FileCloud(settings) as cloud:
        cloud.tag_group(group, {TAG_EXPIRES: dates.get(tag, tag)})
    again = Lifecycle.open(settings.changed(deadline="9h"), first.folder.path, parts=parts, resumed=resumed)
    again.prepare()
    written = json.loads((settings.state / "groups" / f"{group}.json").read_text())["tags"][TAG_EXPIRES]
    if tag == "in a minute":
        assert expiry(settings, group) > again.budget.end + 1800
    else:
        assert written == dates.get(tag, tag), "what a person wrote there protects it for longer"
    again.start()
    again.finish(aborted=False)
    if not resumed:
        assert not status_of(again.folder).overdue(again.budget.end + 1800)
        assert status_of(again.folder).overdue(again.budget.end + 86400)


def test_a_kept_cluster_is_used_again_and_removed_from_the_ledger_alone(settings: Settings, parts: Parts) -> None:
    first = started(settings, parts)
    first.join()
    first.finish(aborted=False, keep=Keep.ALWAYS)
    again = Lifecycle.open(settings, first.folder.path, parts=parts)
    again.prepare()
    again.start()
    wait_for_cluster(again.folder.path, CELL, soon())
    looked: list[str] = []
    again.retire(CELL, failed=False, first=lambda: looked.append(CELL))
    assert looked == [], "nor does it say what is left in it twice"
    again.finish(aborted=False)
    assert len(groups(settings)) == 1, "who adopts a cluster does not remove it"
    assert Lifecycle.teardown(first.folder.path, kept=False, parts=parts) is Outcome.PASSED
    assert len(groups(settings)) == 1, "kept on purpose"
    assert Lifecycle.teardown(first.folder.path, parts=parts) is Outcome.PASSED
    assert groups(settings) == []
    assert Lifecycle.teardown(first.folder.path, parts=parts) is Outcome.PASSED, "a second time finds nothing to do"


def test_two_runs_side_by_side_do_not_touch_each_other(settings: Settings, parts: Parts) -> None:
    one, two = started(settings, parts), started(settings, parts)
    for run in (one, two):
        wait_for_cluster(run.folder.path, CELL, soon())
    one.finish(aborted=False)
    assert groups(settings) == [f"harness-{two.plan.run}-1"]
    two.finish(aborted=False)
    assert groups(settings) == []


def test_waiting_for_a_run_whose_process_died_ends(settings: Settings, parts: Parts, tmp_path: Path) -> None:
    folder = RunFolder.create(settings.reports, "r")
    Ledger(folder.ledger).append("run", state="started", run="r", pid=1, pid_started="another boot:1")
    with pytest.raises(Exception, match="is gone"):
        wait_for_cluster(folder.path, CELL, soon())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"location": ("atlantis",)}, "atlantis"),
        ({"location": ("../x",)}, "short name"),
        ({"failover_location": ("atlantis",)}, "--failover-location 'atlantis' is unknown"),
        ({"failover_location": ("West Europe",)}, "short name"),
        ({"suite": ("nope",)}, "unknown suite 'nope'"),
        ({"source": ("module:v1.37.2", "module:v1.37.2")}, "asked for twice"),
    ],
)
def test_wrong_names_are_refused_before_anything_is_created(
    settings: Settings, parts: Parts, change: dict[str, tuple[str, ...]], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        Lifecycle.open(settings.changed(**change), None, parts=parts).prepare()
    assert groups(settings) == []


def test_a_cluster_of_another_version_is_refused_before_the_first_test(settings: Settings, parts: Parts) -> None:
    first = started(settings, parts)
    cluster = wait_for_cluster(first.folder.path, CELL, soon())
    first.finish(aborted=False, keep=Keep.ALWAYS)
    again = Lifecycle.open(settings, first.folder.path, parts=parts)
    again.prepare()
    with (
        serving_version("v1.37.3", cluster.kubeconfig),
        pytest.raises(
            UsageError, match=r"runs Kubernetes v1.37.3, and e2e.test of module:v1.37.2 is of v1.37.2; name a"
        ),
    ):
        again.start()
    again.finish(aborted=False)
    assert groups(settings) == [cluster.group]
    with serving_version("v1.37.2", cluster.kubeconfig):
        once_more = Lifecycle.open(settings, first.folder.path, parts=parts)
        once_more.prepare()
        once_more.start()
        once_more.finish(aborted=False)
    assert wait_for_cluster(first.folder.path, CELL, soon()) == cluster


def test_a_resumed_run_makes_a_cluster_of_another_version_again(settings: Settings, parts: Parts) -> None:
    first = started(settings, parts)
    cluster = wait_for_cluster(first.folder.path, CELL, soon())
    first.finish(aborted=False, keep=Keep.ALWAYS)
    resumed = Lifecycle.open(settings, first.folder.path, parts=parts, resumed=True)
    resumed.prepare()
    with serving_version("v1.37.3", cluster.kubeconfig):
        resumed.start()
        resumed.join()
    gone = [entry for entry in Ledger(resumed.folder.ledger).read() if entry.kind == "gone"]
    assert [entry.text("name") for entry in gone] == [cluster.group]
    resumed.finish(aborted=False)
    assert groups(settings) == []
