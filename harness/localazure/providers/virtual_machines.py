"""Microsoft.Compute/virtualMachines: a PUT merges, as the public service's does, and returns when the machine boots.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines (2025-04-01); the merge was seen with the disk CSI driver,
which PUTs nothing but ``location`` and ``storageProfile.dataDisks``.
"""

from __future__ import annotations

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId, fabric_key, parse_id
from harness.localazure.arm.store import Resource
from harness.localazure.providers.availability_sets import AVAILABILITY_SET
from harness.localazure.providers.identities import settle_identity
from harness.localazure.providers.machine_actions import ACTIONS, expand_instance_view
from harness.localazure.providers.machine_profiles import settle_os, settle_size, settle_storage
from harness.localazure.providers.plan.links import NIC, VM, Links, configurations, network_of, nic_keys
from harness.localazure.providers.plan.machines import data_disks, disk_plan, machine_plan
from harness.localazure.providers.quota import check_capacity
from harness.localazure.providers.references import check_reference

_DERIVED = ("instanceView", "vmId", "timeCreated")


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    for name in _DERIVED:
        properties.pop(name, None)
    body.pop("resources", None)
    internal = dict(before.internal) if before else {"power": "running"}
    settle_size(arm, body, before)
    _check_network(arm, resource_id, body, before)
    if reference := (properties.get("availabilitySet") or {}).get("id"):
        check_reference(arm, reference, AVAILABILITY_SET)
    settle_os(resource_id, body, internal, before)
    settle_identity(arm, body, before)
    settle_storage(arm, resource_id, body, internal, before)
    return Wanted(body, internal)


def _check_network(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> None:
    entries = (body["properties"].get("networkProfile") or {}).get("networkInterfaces") or []
    if not entries:
        raise invalid(
            f"Virtual machine '{resource_id.name}' must have at least one network interface (networkProfile.networkInterfaces).",
            "InvalidParameter",
        )
    links = Links(arm.store)
    networks = set()
    for entry in entries:
        nic = check_reference(arm, str(entry.get("id", "")), NIC)
        if nic is None:
            raise invalid("An entry of networkProfile.networkInterfaces has no id.", "InvalidParameter")
        holder = links.machine_of_nic.get(nic.id.key)
        if holder and holder[0].id.key != resource_id.key:
            raise invalid(
                f"Network interface {nic.id} is already attached to virtual machine {holder[0].id}.", "NicInUse"
            )
        networks |= {network_of(configuration.subnet) for configuration in configurations(nic)}
    if len(networks) > 1:
        raise invalid(
            f"Network interfaces of '{resource_id.name}' are in different virtual networks.", "NicsInDifferentVnets"
        )
    if (
        before
        and nic_keys(before) != [entry["id"].lower() for entry in _ordered(entries)]
        and before.internal["power"] != "deallocated"
    ):
        raise ArmError(
            409,
            "AddingOrDeletingNetworkInterfacesNotAllowed",
            f"Deallocate '{resource_id.name}' to change its network interfaces.",
        )


def _ordered(entries: list[Body]) -> list[Body]:
    return sorted(entries, key=lambda entry: not (entry.get("properties") or {}).get("primary"))


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    view["properties"]["vmId"] = resource.internal["vmId"]
    view["properties"]["timeCreated"] = resource.internal["created"]


async def _make(arm: Arm, resource: Resource, before: Resource | None) -> None:
    for disk in data_disks(resource):
        if found := arm.store.get(disk["managedDisk"]["id"]):
            await arm.fabric.ensure_disk(disk_plan(found))
            arm.store.set_state(found.id, "Succeeded")
    await arm.settle()
    if resource.internal["power"] != "running":
        return
    if before is None:
        check_capacity(arm, resource)
    plan = machine_plan(arm.store, resource)
    await arm.fabric.start_machine(plan)
    if before:
        await arm.fabric.attach_disks(plan.key, plan.disks)
    if (after := resource.internal.get("reboot")) is not None:
        await arm.fabric.reboot_machine(plan.key, float(after))
        arm.store.set_state(resource.id, resource.state, reboot=None)


async def _unmake(arm: Arm, resource: Resource) -> None:
    await arm.fabric.remove_machine(fabric_key(str(resource.id)))
    storage = resource.properties["storageProfile"]
    doomed = [
        disk["managedDisk"]["id"]
        for disk in (storage["osDisk"], *data_disks(resource))
        if disk.get("deleteOption") == "Delete"
    ]
    for entry in resource.properties["networkProfile"]["networkInterfaces"]:
        if (entry.get("properties") or {}).get("deleteOption") == "Delete":
            doomed.append(entry["id"])
    for text in doomed:
        await arm.delete(parse_id(text), force=True)


RESOURCE_TYPES = (
    ResourceType(
        type=VM,
        accept=_accept,
        show=_show,
        make=_make,
        unmake=_unmake,
        networked=True,
        etag=True,
        zones=True,
        merge=True,
        actions=ACTIONS,
        expand={"instanceview": expand_instance_view},
    ),
)
