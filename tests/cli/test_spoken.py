"""The one line that an error becomes tells no secret: of the environment, of this host's local Azure, or of the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.commands import status
from harness.cli.main import invoke

SECRET = "1134abcdef0123456789abcdef01234567"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harness.toml").write_text('reports = "reports"\nstate = "state"\n')
    return tmp_path


@pytest.mark.parametrize("holder", ["environment", "server", "run"])
def test_an_error_that_repeats_a_secret(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], holder: str
) -> None:
    match holder:
        case "environment":
            monkeypatch.setenv("JENKINS_API_TOKEN", SECRET)
        case "server":
            server = place / "state" / "localazure" / "server.json"
            server.parent.mkdir(parents=True)
            server.write_text(json.dumps({"client_secret": SECRET}))
        case "run":
            cell = place / "reports" / "latest" / "cells" / "c"
            cell.mkdir(parents=True)
            (cell / "kubeconfig").write_text(f"    client-key-data: {SECRET}\n")
    assert invoke(["plan", "--source", f"path:{SECRET}"]) == 2
    said = capsys.readouterr()
    assert "[redacted]" in said.err
    assert SECRET not in said.out + said.err


def test_what_click_refuses(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("JENKINS_API_TOKEN", SECRET)
    assert invoke(["status", f"--{SECRET}"]) == 2
    assert "No such option '--[redacted]'" in capsys.readouterr().err


def test_a_defect(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**flags: object) -> None:
        raise RuntimeError(f"sent {SECRET}")

    monkeypatch.setenv("JENKINS_API_TOKEN", SECRET)
    monkeypatch.setattr(status.command, "callback", broken)
    assert invoke(["status"]) == 4
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("RuntimeError: sent [redacted]\n")
