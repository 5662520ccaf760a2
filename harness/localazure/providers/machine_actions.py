"""What can be done with a virtual machine besides creating and deleting it, and what state it is in.

Source: https://learn.microsoft.com/azure/virtual-machines/states-billing
"""

from __future__ import annotations

import datetime

from harness.localazure.arm.api import Arm, Body, Call, Reply
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import fabric_key
from harness.localazure.arm.store import Resource
from harness.localazure.fabric.api import Condition, MachineState
from harness.localazure.providers.plan.links import condition_of
from harness.localazure.providers.plan.machines import data_disks, machine_plan

_SILENT = frozenset({Condition.UNBOOTABLE, Condition.ISOLATED})
"""Machines whose agent, which runs in them and speaks to the host over their network, cannot report: commands cannot be run there."""
_SHELL_LIMIT = 90 * 60.0
"""Seconds that a run command may take, as on Azure."""


async def _start(arm: Arm, machine: Resource, call: Call) -> Reply:
    async with arm.locked(machine.id):
        await arm.fabric.start_machine(machine_plan(arm.store, arm.require(machine.id)))
        arm.store.set_state(machine.id, "Succeeded", power="running")
    return Reply()


async def _power_off(arm: Arm, machine: Resource, call: Call) -> Reply:
    async with arm.locked(machine.id):
        hard = call.query.get("skipShutdown", "").lower() == "true"
        await arm.fabric.stop_machine(fabric_key(str(machine.id)), hard=hard)
        arm.store.set_state(machine.id, "Succeeded", power="stopped")
    return Reply()


async def _deallocate(arm: Arm, machine: Resource, call: Call) -> Reply:
    async with arm.locked(machine.id):
        await arm.fabric.stop_machine(fabric_key(str(machine.id)), hard=False)
        arm.store.set_state(machine.id, "Succeeded", power="deallocated")
    return Reply()


async def _restart(arm: Arm, machine: Resource, call: Call) -> Reply:
    async with arm.locked(machine.id):
        if arm.require(machine.id).internal["power"] == "deallocated":
            raise ArmError(
                409, "OperationNotAllowed", f"Virtual machine '{machine.id.name}' is deallocated; start it instead."
            )
        await arm.fabric.stop_machine(fabric_key(str(machine.id)), hard=False)
        await arm.fabric.start_machine(machine_plan(arm.store, arm.require(machine.id)))
        arm.store.set_state(machine.id, "Succeeded", power="running")
    return Reply()


async def _reapply(arm: Arm, machine: Resource, call: Call) -> Reply:
    await arm.put(machine.id, machine.copy_body())
    return Reply()


async def _instance_view(arm: Arm, machine: Resource, call: Call) -> Reply:
    return Reply(body=await _view(arm, machine))


async def expand_instance_view(arm: Arm, machine: Resource, view: Body) -> None:
    """``GET ...?$expand=instanceView``."""
    view["properties"]["instanceView"] = await _view(arm, machine)


async def _view(arm: Arm, machine: Resource) -> Body:
    state = await arm.fabric.machine_state(fabric_key(str(machine.id)))
    power = machine.internal["power"]
    if power != "deallocated":
        power = "running" if state is MachineState.RUNNING else "stopped"
    succeeded = _status(
        "ProvisioningState", machine.state.lower(), f"Provisioning {machine.state.lower()}", machine.changed
    )
    storage = machine.properties["storageProfile"]
    view: Body = {
        "computerName": machine.properties["osProfile"]["computerName"],
        "osName": "debian",
        "hyperVGeneration": "V2",
        "disks": [
            {"name": disk["name"], "statuses": [succeeded]} for disk in (storage["osDisk"], *data_disks(machine))
        ],
        "bootDiagnostics": {},
        "statuses": [succeeded, _status("PowerState", power, f"VM {power}", None)],
    }
    if power == "running":
        view["vmAgent"] = _agent(machine)
    return view


def _agent(machine: Resource) -> Body:
    """What the machine's agent says of itself, or that it says nothing."""
    if condition_of(machine) not in _SILENT:
        ready = _status("ProvisioningState", "succeeded", "Ready", machine.changed)
        return {"vmAgentVersion": "local", "statuses": [ready]}
    silent = _status("ProvisioningState", "Unavailable", "Not Ready", machine.changed)
    message = "The agent has not reported."
    return {"vmAgentVersion": "Unknown", "statuses": [{**silent, "level": "Warning", "message": message}]}


def _status(kind: str, state: str, shown: str, at: float | None) -> Body:
    status: Body = {"code": f"{kind}/{state}", "level": "Info", "displayStatus": shown}
    if at is not None:
        status["time"] = datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat()
    return status


async def _boot_diagnostics(arm: Arm, machine: Resource, call: Call) -> Reply:
    path = f"/localazure/console/{fabric_key(str(machine.id))}"
    return Reply(body={"serialConsoleLogBlobUri": arm.sign_url(path, call.base)})


async def _run_command(arm: Arm, machine: Resource, call: Call) -> Reply:
    if call.body.get("commandId") != "RunShellScript":
        raise invalid(
            f"commandId '{call.body.get('commandId')}' is unknown: there is RunShellScript.", "InvalidParameter"
        )
    if machine.internal["power"] != "running":
        raise ArmError(
            409, "OperationNotAllowed", f"Cannot run a command: virtual machine '{machine.id.name}' is not running."
        )
    if condition_of(machine) in _SILENT:
        raise ArmError(
            409,
            "VMAgentStatusCommunicationError",
            f"The agent of virtual machine '{machine.id.name}' does not report: its system is not up, or has no network.",
        )
    script = "\n".join(call.body.get("script") or [])
    given = " ".join(f"{p['name']}={_quoted(str(p['value']))}" for p in call.body.get("parameters") or [])
    text = f"export {given}\n{script}" if given else script
    code, output = await arm.fabric.run_command(fabric_key(str(machine.id)), ("/bin/sh", "-c", text), _SHELL_LIMIT)
    state = "succeeded" if code == 0 else f"failed/{code}"
    message = f"Enable {state.partition('/')[0]}: \n[stdout]\n{output.decode(errors='replace')}\n[stderr]\n"
    status = {
        "code": f"ProvisioningState/{state}",
        "level": "Info",
        "displayStatus": f"Provisioning {state}",
        "message": message,
    }
    return Reply(body={"value": [status]})


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


ACTIONS = {
    "start": _start,
    "poweroff": _power_off,
    "deallocate": _deallocate,
    "restart": _restart,
    "reapply": _reapply,
    "instanceview": _instance_view,
    "retrievebootdiagnosticsdata": _boot_diagnostics,
    "runcommand": _run_command,
}
