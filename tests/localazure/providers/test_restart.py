"""What a server does with what its killed predecessor had begun."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from harness.localazure.arm.store import Store

WEST = {"location": "westeurope"}
RG = "/resourceGroups/rg/providers"
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [
        {
            "type": "Microsoft.Network/virtualNetworks",
            "apiVersion": "2025-05-01",
            "name": "v",
            "location": "westeurope",
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}],
            },
        }
    ],
}


def test_a_deployment_goes_on_and_a_deletion_too(server: Any, fabric: Any, tmp_path: Path) -> None:
    for group in ("rg", "doomed"):
        server.ok("PUT", f"/resourceGroups/{group}", WEST)
    nsg = "/resourceGroups/doomed/providers/Microsoft.Network/networkSecurityGroups/nsg"
    server.ok("PUT", nsg, WEST)
    body = {"properties": {"mode": "Incremental", "template": TEMPLATE}}
    accepted = server.call("PUT", f"{RG}/Microsoft.Resources/deployments/d", body)
    deployment = server.subscription + f"{RG}/Microsoft.Resources/deployments/d"
    server.stop()
    fabric.networks.clear()

    store = Store(tmp_path / "state" / "store.sqlite")
    interrupted, doomed = store.get(deployment), store.get(f"{server.subscription}/resourceGroups/doomed")
    assert interrupted
    assert doomed
    store.set_state(interrupted.id, "Creating")  # as if it had been killed at this moment
    store.set_state(doomed.id, "Deleting")
    store.close()

    again = type(server)(tmp_path / "state", fabric)
    try:
        deadline = time.monotonic() + 5
        while again.session.get(accepted.headers["Azure-AsyncOperation"], timeout=5).json()["status"] != "Succeeded":
            assert time.monotonic() < deadline
        assert (
            again.ok("GET", f"{RG}/Microsoft.Resources/deployments/d")["properties"]["provisioningState"] == "Succeeded"
        )
        while again.call("HEAD", "/resourceGroups/doomed").status_code != 404:
            assert time.monotonic() < deadline
        assert [plan.name for plan in fabric.networks.values()] == ["v"]
        again.ok("DELETE", f"{RG}/Microsoft.Network/virtualNetworks/v")
        assert fabric.networks == {}
    finally:
        again.stop()


def test_machines_are_adopted(server: Any, fabric: Any, image: Path, tmp_path: Path) -> None:
    server.ok("PUT", "/resourceGroups/rg", WEST)
    network = server.ok("PUT", f"{RG}/Microsoft.Network/virtualNetworks/v", {**WEST, **TEMPLATE["resources"][0]})  # type: ignore[dict-item]
    ip = {"name": "i", "properties": {"subnet": {"id": network["properties"]["subnets"][0]["id"]}}}
    source = {"storageProfile": {"osDisk": {"blobUri": f"file://{image}"}}}
    managed = server.ok("PUT", f"{RG}/Microsoft.Compute/images/i", {**WEST, "properties": source})
    for name in ("on", "off"):
        nic = server.ok(
            "PUT",
            f"{RG}/Microsoft.Network/networkInterfaces/{name}",
            {**WEST, "properties": {"ipConfigurations": [ip]}},
        )
        properties = {
            "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
            "storageProfile": {
                "imageReference": {"id": managed["id"]},
                "dataDisks": [{"lun": 0, "createOption": "Empty", "diskSizeGB": 1, "name": f"{name}-data"}],
            },
            "osProfile": {"computerName": name, "adminUsername": "u"},
            "networkProfile": {"networkInterfaces": [{"id": nic["id"]}]},
        }
        server.ok("PUT", f"{RG}/Microsoft.Compute/virtualMachines/{name}", {**WEST, "properties": properties})
    server.ok("POST", f"{RG}/Microsoft.Compute/virtualMachines/off/deallocate")
    assert (fabric.boots, len(fabric.running), len(fabric.disks)) == (2, 1, 2)
    server.stop()

    again = type(server)(tmp_path / "state", fabric)
    try:
        assert (fabric.boots, len(fabric.running)) == (2, 1)
        view = again.ok("GET", f"{RG}/Microsoft.Compute/virtualMachines/off/instanceView")
        assert view["statuses"][1]["code"] == "PowerState/deallocated"
        [plan] = fabric.networks.values()
        assert len(plan.nics) == 2
        again.ok("POST", f"{RG}/Microsoft.Compute/virtualMachines/off/start")
        assert len(fabric.running) == 2
    finally:
        again.stop()
