"""How ``harness up`` ends when its clusters do not come up, or do not go again."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from runs.fakes import FileBuilder, FileCloud, FileDeployer

from harness.cli.commands.up import bring_up
from harness.clusters.api import Cluster
from harness.deployers.api import ClusterRequest, Recorder
from harness.errors import DeployError, LeakError
from harness.runs.parts import Parts
from harness.runs.status import status
from harness.settings import Settings, load


class HeldDeployer(FileDeployer):
    """Its clusters do not come up, and a lock holds their groups."""

    def up(self, request: ClusterRequest, recorder: Recorder) -> Cluster:
        self.cloud.create_group(request.group, "stubborn", request.tags)
        if request.location == "slow":
            for second in range(600):
                recorder.progress(f"waiting, {second}")
                time.sleep(0.05)
        raise DeployError("wait for nodes", awaited="3 nodes Ready", last_seen="2")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites" / "s").mkdir(parents=True)
    (tmp_path / "suites" / "s" / "test_s.py").touch()
    return load({"reports": "reports", "state": "state", "cache": "cache", "deadline": "5m"}, {}, tmp_path)


def parts(deployer: type[FileDeployer]) -> Parts:
    return Parts(
        deployer=lambda name: deployer,
        cloud=lambda name: FileCloud,  # type: ignore[arg-type, return-value]
        builder=FileBuilder,  # type: ignore[arg-type]
    )


def stop_when_something_exists(settings: Settings) -> None:
    """As a person does with Ctrl-C."""
    while not list((settings.state / "groups").glob("*.json")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_clusters_come_up_and_the_last_line_is_the_run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert bring_up(settings, parts(FileDeployer)) == 0
    (run,) = status(settings.reports)
    assert run.what == "kept"
    assert capsys.readouterr().out == f"{run.run}\n"


def test_what_did_not_come_up_and_is_gone_says_why(settings: Settings) -> None:
    with pytest.raises(DeployError, match="3 nodes Ready"):
        bring_up(settings.changed(location=("failing",)), parts(FileDeployer))
    assert status(settings.reports)[0].what == "gone"


def test_what_did_not_come_up_and_does_not_go_is_a_leak_that_is_named(settings: Settings) -> None:
    with pytest.raises(LeakError) as caught:
        bring_up(settings, parts(HeldDeployer))
    (run,) = status(settings.reports)
    assert f"left: resourceGroup harness-{run.run}-1" in str(caught.value)
    assert f"harness down --run {run.run}" in str(caught.value)
    assert "3 nodes Ready" in caught.value.log_tail


def test_a_stopped_bring_up_that_does_not_go_is_a_leak(settings: Settings) -> None:
    person = threading.Thread(target=stop_when_something_exists, args=(settings,))
    person.start()
    with pytest.raises(LeakError, match="left: resourceGroup harness-"):
        bring_up(settings.changed(location=("slow",)), parts(HeldDeployer))
    person.join()


def test_a_stopped_bring_up_that_is_gone_is_an_interrupt(settings: Settings) -> None:
    person = threading.Thread(target=stop_when_something_exists, args=(settings,))
    person.start()
    with pytest.raises(KeyboardInterrupt):
        bring_up(settings.changed(location=("slow",)), parts(FileDeployer))
    person.join()
    assert status(settings.reports)[0].what == "gone"
