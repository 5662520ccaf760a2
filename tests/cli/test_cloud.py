"""``harness cloud fault``, ``quota`` and ``journal`` against a running server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli.main import invoke

sys.path.insert(0, str(Path(__file__).parents[1] / "localazure"))
from server_process import Process


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    process = Process(tmp_path / "state" / "localazure", "--fabric", "recording_fabric:FakeFabric")
    process.ready()
    yield process
    process.kill()


def test_faults(server: Process, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["cloud", "fault", "SkuNotAvailable", "--location", "eastus", "--count", "-1"]) == 0
    assert invoke(["cloud", "fault", "error", "never", "--seed", "7", "--rate", "0.5", "--method", "PUT"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wanted = {
        "kind": "SkuNotAvailable",
        "count": -1,
        "call": "PUT Microsoft.Compute/virtualMachines",
        "location": "eastus",
    }
    seeded = {"kind": ["error", "never"], "count": 1, "method": "PUT", "seed": 7, "rate": 0.5}
    assert shown == [wanted, wanted, seeded]
    assert invoke(["cloud", "fault", "--clear"]) == 0
    assert capsys.readouterr().out == ""
    assert invoke(["cloud", "fault", "broken"]) == 2
    assert "unknown kind 'broken': there are throttled" in capsys.readouterr().err.lower()
    assert invoke(["cloud", "fault", "--kinds"]) == 0
    assert "OSProvisioningTimedOut" in capsys.readouterr().out
    assert invoke(["cloud", "fault", "conflict", "--method", "PUT"]) == 0
    assert server.call("PUT", "/resourceGroups/rg", {"location": "westeurope"}).status_code == 409
    capsys.readouterr()
    assert invoke(["cloud", "journal", "--method", "PUT"]) == 0
    assert "AnotherOperationInProgress" in capsys.readouterr().out


def test_quota(server: Process, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["cloud", "quota", "cores=8"]) == 0
    assert invoke(["cloud", "quota", "cores=4", "capacity=2", "--location", "westeurope"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "everywhere          cores=8",
        "westeurope          capacity=2",
        "westeurope          cores=4",
    ]
    assert invoke(["cloud", "quota", "cores=many"]) == 2
    assert invoke(["cloud", "quota", "cores=4", "--location", "atlantis"]) == 2
    assert "there are westeurope" in capsys.readouterr().err
    assert invoke(["cloud", "quota", "--clear"]) == 0
    assert capsys.readouterr().out == ""
