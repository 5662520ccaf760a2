"""Neither the ledger nor the logs of a run repeat the secrets that errors and programs tell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.clusters.api import Cluster
from harness.deployers.api import ClusterRequest, Recorder
from harness.errors import CloudError, Outcome, Remedy
from harness.runs.api import Keep
from harness.runs.awaiting import wait_for_cluster
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.secrets import known_secrets
from harness.runs.state import RunState
from harness.settings import Settings

from .fakes import FileDeployer

CELL = "v1.37.2-kubeadm-westeurope"
TOKEN = "1134abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder with a cell that has keys, on a cloud whose server has a secret."""
    (tmp_path / "cells/c").mkdir(parents=True)
    (tmp_path / "cells/c/kubeconfig").write_text("users:\n- user:\n    client-key-data: a3ViZWNvbmZpZy1rZXk\n")
    (tmp_path / "state/localazure").mkdir(parents=True)
    (tmp_path / "state/localazure/server.json").write_text(json.dumps({"client_secret": "the-server-secret"}))
    (tmp_path / "plan.json").write_text(json.dumps({"settings": {"state": str(tmp_path / "state")}}))
    return tmp_path


def test_what_is_known_of_a_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "of-the-principal")
    assert known_secrets(folder).values == {"a3ViZWNvbmZpZy1rZXk", "the-server-secret", "of-the-principal"}
    assert known_secrets(folder / "nowhere").values == {"of-the-principal"}


def test_errors_and_progress_are_masked(folder: Path) -> None:
    ledger = Ledger(folder / "ledger.jsonl")
    ledger.append(
        "phase", "c", message="sent the-server-secret", log_tail="--token abcdef.0123456789abcdef", seconds=1.5
    )
    ledger.append("progress", "c", text="with a3ViZWNvbmZpZy1rZXk")
    ledger.append("creating", "c", resource="resourceGroup", name="the-server-secret-is-a-name")
    assert [dict(entry.fields) for entry in ledger.read()] == [
        {"message": "sent [redacted]", "log_tail": "--token [redacted]", "seconds": 1.5},
        {"text": "with [redacted]"},
        {"resource": "resourceGroup", "name": "the-server-secret-is-a-name"},
    ]


class Telling(FileDeployer):
    """Fails once, and tells the token in its error and in what it collects."""

    attempts = 0

    def up(self, request: ClusterRequest, recorder: Recorder) -> Cluster:
        Telling.attempts += 1
        if Telling.attempts == 1:
            raise CloudError("deploy", last_seen=f"sent {TOKEN}", remedy=Remedy.AGAIN, log_tail=f"env: {TOKEN}")
        return super().up(request, recorder)

    def collect(self, request: ClusterRequest, folder: Path, deadline: datetime) -> None:
        (folder / "node.log").write_text(f"node: {TOKEN}")


def up(settings: Settings, parts: Parts) -> tuple[Lifecycle, Path]:
    """A run whose only cell is up, and the folder of its logs."""
    lifecycle = Lifecycle.open(settings, None, parts=parts)
    lifecycle.prepare()
    lifecycle.start()
    wait_for_cluster(lifecycle.folder.path, CELL, datetime.now(UTC) + timedelta(seconds=20))
    return lifecycle, lifecycle.folder.cell(CELL).logs


def test_an_attempt_that_failed_keeps_none_though_the_next_one_passed(
    settings: Settings, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JENKINS_API_TOKEN", TOKEN)
    monkeypatch.setattr(Telling, "attempts", 0)
    lifecycle, logs = up(settings, replace(parts, deployer=lambda name: Telling))  # type: ignore[arg-type, return-value]
    said = (logs / "attempt-1" / "error.txt").read_text()
    assert "sent [redacted]" in said
    assert "env: [redacted]" in said
    assert (logs / "attempt-1" / "node.log").read_text() == "node: [redacted]"
    assert lifecycle.finish(aborted=False) is Outcome.PASSED


@pytest.mark.parametrize("end", ["passed", "aborted", "kept", "down"])
def test_what_a_program_writes_there_itself_is_masked_at_the_end(
    settings: Settings, parts: Parts, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setenv("JENKINS_API_TOKEN", TOKEN)
    lifecycle, logs = up(settings, parts)
    logs.mkdir(parents=True)
    (logs / "e2e-gw0.log").write_text(f"env: {TOKEN}\n")
    if end == "down":  # as after kill -9, from the ledger alone
        Lifecycle.teardown(lifecycle.folder.path, parts=parts)
    lifecycle.finish(aborted=end == "aborted", keep=Keep.ALWAYS if end == "kept" else None)
    assert (logs / "e2e-gw0.log").read_text() == "env: [redacted]\n"


def test_masking_that_fails_keeps_nobody_from_deleting(
    settings: Settings, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JENKINS_API_TOKEN", TOKEN)
    lifecycle, logs = up(settings, parts)
    logs.mkdir(parents=True)
    (logs / "e2e-gw0.log").write_text(f"env: {TOKEN}\n")
    (logs / ".e2e-gw0.log.masked").mkdir()  # in the way of the file that is to replace it
    assert lifecycle.finish(aborted=False) is Outcome.PASSED
    assert not RunState.of(lifecycle.ledger.read()).remaining
    assert any("could be masked" in entry.text("text") for entry in lifecycle.ledger.read())
