"""The ledger does not repeat secrets that errors tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.runs.ledger import Ledger
from harness.runs.secrets import known_secrets


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
