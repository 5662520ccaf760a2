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


def test_machines(server: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["cloud", "machine"]) == 0
    assert capsys.readouterr().out == ""
    assert invoke(["cloud", "machine", "web", "isolated"]) == 2
    assert "unknown machine 'web': there are none" in capsys.readouterr().err.lower()
    assert invoke(["cloud", "machine", "web"]) == 2
    assert "write a state: well, isolated, full or rebooted" in capsys.readouterr().err
    make_machine(server, tmp_path)
    assert invoke(["cloud", "machine", "web", "tired"]) == 2
    assert "there are well, isolated, full, rebooted" in capsys.readouterr().err
    assert invoke(["cloud", "machine", "web", "isolated", "--group", "rg"]) == 0
    assert invoke(["cloud", "machine", "web", "rebooted"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["rg", "web", "running", "isolated"]] * 2
    assert invoke(["cloud", "machine", "web", "well"]) == 0
    capsys.readouterr()
    assert invoke(["cloud", "machine"]) == 0
    assert capsys.readouterr().out.split() == ["rg", "web", "running", "well"]


def make_machine(server: Process, folder: Path) -> None:
    west, group = {"location": "westeurope"}, "/resourceGroups/rg/providers"
    (folder / "image.json").write_text(json.dumps({"registry": "oci"}))
    server.ok("PUT", "/resourceGroups/rg", west)
    space = {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}],
    }
    vnet = server.ok("PUT", f"{group}/Microsoft.Network/virtualNetworks/v", {**west, "properties": space})
    ip = {"name": "i", "properties": {"subnet": {"id": vnet["properties"]["subnets"][0]["id"]}}}
    nic = server.ok(
        "PUT", f"{group}/Microsoft.Network/networkInterfaces/n", {**west, "properties": {"ipConfigurations": [ip]}}
    )
    disk = {"storageProfile": {"osDisk": {"blobUri": f"file://{folder}"}}}
    image = server.ok("PUT", f"{group}/Microsoft.Compute/images/i", {**west, "properties": disk})
    properties = {
        "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
        "storageProfile": {"imageReference": {"id": image["id"]}},
        "osProfile": {"computerName": "web", "adminUsername": "u"},
        "networkProfile": {"networkInterfaces": [{"id": nic["id"]}]},
    }
    server.ok("PUT", f"{group}/Microsoft.Compute/virtualMachines/web", {**west, "properties": properties})
