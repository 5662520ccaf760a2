"""Machines that are not well, as ARM keeps and shows them; what that means on a real host is tests/localazure/fabric's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.localazure.fabric.api import Condition

WEST = {"location": "westeurope"}
GROUP = "/resourceGroups/rg"
SPACE = {
    "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
    "subnets": [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}],
}


def path(name: str, group: str = GROUP) -> str:
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"


@pytest.fixture
def make(server: Any, image: Path) -> Any:
    """Makes a machine, with all it needs in its group."""

    def made(name: str, group: str = GROUP) -> Any:
        network, compute = f"{group}/providers/Microsoft.Network", f"{group}/providers/Microsoft.Compute"
        server.ok("PUT", group, WEST)
        vnet = server.ok("PUT", f"{network}/virtualNetworks/v", {**WEST, "properties": SPACE})
        ip = {"name": "i", "properties": {"subnet": {"id": vnet["properties"]["subnets"][0]["id"]}}}
        nic = server.ok(
            "PUT", f"{network}/networkInterfaces/{name}", {**WEST, "properties": {"ipConfigurations": [ip]}}
        )
        source = {"storageProfile": {"osDisk": {"blobUri": f"file://{image}"}}}
        managed = server.ok("PUT", f"{compute}/images/i", {**WEST, "properties": source})
        properties = {
            "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
            "storageProfile": {"imageReference": {"id": managed["id"]}},
            "osProfile": {"computerName": name, "adminUsername": "u"},
            "networkProfile": {"networkInterfaces": [{"id": nic["id"]}]},
        }
        return server.ok("PUT", path(name, group), {**WEST, "properties": properties})

    return made


def fault(server: Any, kind: str, **fields: Any) -> None:
    server.ok("POST", "/localazure/faults", {"kind": kind, **fields})


def condition(fabric: Any, name: str) -> Condition:
    [found] = [plan.condition for plan in fabric.machines.values() if plan.name == name]
    return Condition(found)


def lost(fabric: Any) -> list[bool]:
    """Of each NIC of the only network, whether it has lost it."""
    [plan] = fabric.networks.values()
    return [nic.lost for nic in plan.nics]


def agent(server: Any, name: str) -> str:
    return str(server.ok("GET", f"{path(name)}/instanceView")["vmAgent"]["statuses"][0]["displayStatus"])


@pytest.mark.parametrize("kind", ["unbootable", "full"])
def test_a_machine_is_made_as_the_fault_says_and_stays_so(
    server: Any, fabric: Any, make: Any, tmp_path: Path, kind: str
) -> None:
    fault(server, kind, path="ill$")
    make("fine")
    assert make("ill")["properties"]["provisioningState"] == "Succeeded"
    assert (condition(fabric, "fine"), condition(fabric, "ill")) == (Condition.WELL, kind)
    server.ok("PUT", path("ill"), WEST)
    assert condition(fabric, "ill") == kind, "a later PUT changes nothing of it"
    server.stop()
    fabric.machines.clear()
    again = type(server)(tmp_path / "state", fabric)
    try:
        assert condition(fabric, "ill") == kind, "nor does another server"
        again.ok("DELETE", path("ill"))
    finally:
        again.stop()


def test_a_fault_of_machines_leaves_everything_else_alone(server: Any, fabric: Any, make: Any) -> None:
    fault(server, "isolated", method="PUT")
    make("m")
    assert lost(fabric) == [True]
    assert server.ok("GET", "/localazure/faults")["value"] == []
    [met] = [entry for entry in server.ok("GET", "/localazure/journal")["value"] if entry["fault"]]
    assert (met["call"], met["fault"]) == ("PUT Microsoft.Compute/virtualMachines", "isolated")
    answer = server.call(
        "POST", "/localazure/faults", {"kind": "full", "call": "GET Microsoft.Compute/virtualMachines"}
    )
    assert "Kind full meets PUT Microsoft.Compute/virtualMachines" in answer.json()["error"]["message"]


def test_a_machine_reboots_once(server: Any, fabric: Any, make: Any, tmp_path: Path) -> None:
    fault(server, "rebooting", seconds=3)
    make("m")
    server.ok("PUT", path("m"), WEST)
    server.stop()
    again = type(server)(tmp_path / "state", fabric)
    again.stop()
    assert [call for call in fabric.calls if "reboot" in call] == ["reboot m after 3 s"]


@pytest.mark.parametrize(("kind", "silent"), [("unbootable", True), ("isolated", True), ("full", False)])
def test_the_agent_reports_if_it_runs_and_has_a_network(server: Any, make: Any, kind: str, silent: bool) -> None:
    fault(server, kind)
    make("m")
    assert agent(server, "m") == ("Not Ready" if silent else "Ready")
    asked = server.call("POST", f"{path('m')}/runCommand", {"commandId": "RunShellScript", "script": ["true"]})
    assert asked.ok is not silent
    if silent:
        assert asked.json()["error"]["code"] == "VMAgentStatusCommunicationError"


def change(server: Any, **fields: str) -> Any:
    return server.ok("POST", "/localazure/machines", fields)


def test_a_running_machine_loses_its_network_and_gets_it_back(server: Any, fabric: Any, make: Any) -> None:
    make("a")
    make("b")
    shown = {"name": "a", "group": "rg", "power": "running", "condition": "isolated"}
    assert change(server, name="A", state="isolated") == shown
    assert sorted(lost(fabric)) == [False, True]
    assert server.ok("GET", "/localazure/machines")["value"] == [shown, {**shown, "name": "b", "condition": "well"}]
    assert change(server, name="a", state="well", group="RG")["condition"] == "well"
    assert lost(fabric) == [False, False]
    assert fabric.boots == 2, "nothing was started anew"


def test_a_running_machine_is_filled_and_rebooted(server: Any, fabric: Any, make: Any) -> None:
    make("m")
    change(server, name="m", state="full")
    assert condition(fabric, "m") is Condition.FULL
    change(server, name="m", state="rebooted")
    assert [call for call in fabric.calls if "reboot" in call] == ["reboot m after 0 s"]
    assert change(server, name="m", state="well")["condition"] == "well"
    assert condition(fabric, "m") is Condition.WELL


def test_what_does_not_boot_boots_again_once_it_is_well(server: Any, fabric: Any, make: Any) -> None:
    fault(server, "unbootable")
    make("m")
    change(server, name="m", state="well")
    assert (fabric.boots, condition(fabric, "m"), agent(server, "m")) == (2, Condition.WELL, "Ready")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"name": "z", "state": "well"}, "Unknown machine 'z': there are a (other), a (rg)."),
        ({"name": "a", "state": "well", "group": "none"}, "Unknown machine 'a' in group none: there are"),
        ({"name": "a", "state": "well"}, "Machine a is in several groups: name one of other, rg."),
        (
            {"name": "a", "group": "rg", "state": "tired"},
            "Unknown state 'tired': there are well, isolated, full, rebooted.",
        ),
        ({"name": "a", "group": "rg"}, "Unknown state None"),
        ({"name": "a", "group": "other", "state": "full"}, "Machine a is deallocated, and only a machine that runs"),
        ({"state": "well"}, "an object with name, state"),
        ([], "an object with name, state"),
        ({"name": "a", "state": "well", "colour": 1}, "an object with name, state"),
    ],
)
def test_what_is_wrong_with_a_wish_is_said(server: Any, make: Any, raw: Any, said: str) -> None:
    make("a")
    make("a", "/resourceGroups/other")
    server.ok("POST", f"{path('a', '/resourceGroups/other')}/deallocate")
    answer = server.call("POST", "/localazure/machines", raw)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidMachine")
    assert said in answer.json()["error"]["message"]
