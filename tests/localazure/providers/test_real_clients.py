"""Azure's own Python clients, over TLS and with a client secret, against local Azure."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from localazure.conftest import RunningServer

from harness.clusters.api import Cluster
from suites._lib.machines import restart


def network_of(azure: SimpleNamespace) -> Any:
    azure.resources.resource_groups.create_or_update("rg", {"location": "West Europe", "tags": {"run": "1"}})
    azure.network.route_tables.begin_create_or_update("rg", "rt", {"location": "westeurope"}).result()
    table = azure.network.route_tables.get("rg", "rt")
    body = {
        "location": "westeurope",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [
                {"name": "nodes", "properties": {"addressPrefix": "10.0.1.0/24", "routeTable": {"id": table.id}}}
            ],
        },
    }
    return azure.network.virtual_networks.begin_create_or_update("rg", "vnet", body).result()


def machine(azure: SimpleNamespace, network: Any, image: Path, name: str = "vm") -> Any:
    nic = azure.network.network_interfaces.begin_create_or_update(
        "rg",
        f"{name}-nic",
        {
            "location": "westeurope",
            "properties": {
                "enableIPForwarding": True,
                "ipConfigurations": [{"name": "ip", "properties": {"subnet": {"id": network.subnets[0].id}}}],
            },
        },
    ).result()
    source = {"osType": "Linux", "osState": "Generalized", "blobUri": f"file://{image}"}
    managed = azure.compute.images.begin_create_or_update(
        "rg", "img", {"location": "westeurope", "properties": {"storageProfile": {"osDisk": source}}}
    ).result()
    return azure.compute.virtual_machines.begin_create_or_update(
        "rg",
        name,
        {
            "location": "westeurope",
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
                "storageProfile": {"imageReference": {"id": managed.id}},
                "osProfile": {
                    "computerName": name,
                    "adminUsername": "azureuser",
                    "customData": base64.b64encode(b"#cloud-config\n").decode(),
                },
                "networkProfile": {"networkInterfaces": [{"id": nic.id}]},
            },
        },
    ).result()


def test_a_balanced_machine_from_creation_to_cascade(azure: SimpleNamespace, fabric: Any, image: Path) -> None:
    network = network_of(azure)
    created = machine(azure, network, image)
    address = azure.network.public_ip_addresses.begin_create_or_update(
        "rg",
        "pip",
        {
            "location": "westeurope",
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        },
    ).result()
    assert address.ip_address.startswith(("203.0.113.", "198.51.100."))
    frontend = {"name": "fe", "properties": {"publicIPAddress": {"id": address.id}}}
    lb_id = address.id.replace("publicIPAddresses/pip", "loadBalancers/lb")
    rule = {
        "frontendIPConfiguration": {"id": f"{lb_id}/frontendIPConfigurations/fe"},
        "backendAddressPool": {"id": f"{lb_id}/backendAddressPools/pool"},
        "probe": {"id": f"{lb_id}/probes/p"},
        "protocol": "Tcp",
        "frontendPort": 80,
        "backendPort": 80,
        "enableFloatingIP": True,
    }
    balancer = azure.network.load_balancers.begin_create_or_update(
        "rg",
        "lb",
        {
            "location": "westeurope",
            "sku": {"name": "Standard"},
            "properties": {
                "frontendIPConfigurations": [frontend],
                "backendAddressPools": [{"name": "pool"}],
                "probes": [{"name": "p", "properties": {"protocol": "Tcp", "port": 30080, "intervalInSeconds": 5}}],
                "loadBalancingRules": [{"name": "http", "properties": rule}],
            },
        },
    ).result()
    assert balancer.frontend_ip_configurations[0].load_balancing_rules[0].id.endswith("/loadBalancingRules/http")

    nic = azure.network.network_interfaces.get("rg", "vm-nic")
    nic.ip_configurations[0].load_balancer_backend_address_pools = [{"id": balancer.backend_address_pools[0].id}]
    azure.network.network_interfaces.begin_create_or_update("rg", "vm-nic", nic).result()
    [plan] = fabric.networks.values()
    [planned] = plan.rules
    assert [str(member) for member in planned.members] == [nic.ip_configurations[0].private_ip_address]
    assert planned.floating
    assert planned.probe.port == 30080
    assert [str(public) for public in plan.public] == [address.ip_address]
    pool = azure.network.load_balancers.get("rg", "lb").backend_address_pools[0]
    assert pool.backend_ip_configurations[0].id == nic.ip_configurations[0].id

    with pytest.raises(HttpResponseError) as refused:
        azure.network.network_interfaces.begin_delete("rg", "vm-nic").result()
    assert refused.value.error.code == "NicInUse"
    azure.network.load_balancers.begin_delete("rg", "lb").result()
    nic = azure.network.network_interfaces.get("rg", "vm-nic")
    assert not nic.ip_configurations[0].load_balancer_backend_address_pools

    view = azure.compute.virtual_machines.get("rg", "vm", expand="instanceView").instance_view
    assert [status.code for status in view.statuses] == ["ProvisioningState/succeeded", "PowerState/running"]
    assert created.identity.principal_id
    azure.resources.resource_groups.begin_delete("rg").result()
    assert not azure.resources.resource_groups.check_existence("rg")
    assert (fabric.machines, fabric.networks, fabric.disks) == ({}, {}, {})
    with pytest.raises(ResourceNotFoundError) as gone:
        azure.compute.virtual_machines.get("rg", "vm")
    assert gone.value.error.code == "ResourceGroupNotFound"


def test_a_put_of_data_disks_alone_keeps_the_machine(azure: SimpleNamespace, fabric: Any, image: Path) -> None:
    machine(azure, network_of(azure), image)
    disk = azure.compute.disks.begin_create_or_update(
        "rg",
        "data",
        {"location": "westeurope", "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4}},
    ).result()
    entry = {"lun": 0, "createOption": "Attach", "managedDisk": {"id": disk.id.lower()}}

    def put(disks: list[dict[str, Any]]) -> Any:
        body = {"location": "westeurope", "properties": {"storageProfile": {"dataDisks": disks}}}
        return azure.compute.virtual_machines.begin_create_or_update("rg", "vm", body).result()

    attached = put([entry])
    assert attached.hardware_profile.vm_size == "Standard_D2s_v5"
    assert attached.storage_profile.data_disks[0].managed_disk.id == disk.id
    assert azure.compute.disks.get("rg", "data").managed_by == attached.id
    [(_, disks)] = fabric.attached.items()
    assert [planned.lun for planned in disks] == [0]
    with pytest.raises(HttpResponseError) as refused:
        azure.compute.disks.begin_delete("rg", "data").result()
    assert refused.value.status_code == 409

    grown = azure.compute.disks.begin_update("rg", "data", {"properties": {"diskSizeGB": 8}}).result()
    assert grown.disk_size_gb == 8
    put([{**entry, "toBeDetached": True}])
    assert fabric.attached == {next(iter(fabric.machines)): ()}
    assert azure.compute.disks.get("rg", "data").disk_state == "Unattached"
    snapshot = azure.compute.snapshots.begin_create_or_update(
        "rg",
        "snap",
        {
            "location": "westeurope",
            "properties": {"creationData": {"createOption": "Copy", "sourceResourceId": disk.id}},
        },
    ).result()
    assert snapshot.disk_size_gb == 8
    azure.compute.disks.begin_delete("rg", "data").result()


def test_power(azure: SimpleNamespace, fabric: Any, image: Path, server: Any) -> None:
    machine(azure, network_of(azure), image)
    machines = azure.compute.virtual_machines

    def power() -> str:
        return str(machines.instance_view("rg", "vm").statuses[1].code)

    machines.begin_power_off("rg", "vm", skip_shutdown=True).result()
    assert power() == "PowerState/stopped"
    machines.begin_start("rg", "vm").result()
    assert power() == "PowerState/running"
    machines.begin_deallocate("rg", "vm").result()
    assert power() == "PowerState/deallocated"
    machines.begin_start("rg", "vm").result()
    machines.begin_restart("rg", "vm").result()
    [key] = fabric.running
    fabric.console(key).write_text("booted\n")
    url = machines.retrieve_boot_diagnostics_data("rg", "vm").serial_console_log_blob_uri
    assert server.session.get(url, verify=server.facts["ca"], headers={"Authorization": ""}).text == "booted\n"
    output = machines.begin_run_command("rg", "vm", {"commandId": "RunShellScript", "script": ["uptime"]}).result()
    assert "ran uptime" in output.value[0].message


TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"count": {"type": "int"}},
    "resources": [
        {
            "type": "Microsoft.Network/publicIPAddresses",
            "apiVersion": "2025-05-01",
            "name": "[concat('pip', copyIndex())]",
            "location": "[resourceGroup().location]",
            "copy": {"name": "pips", "count": "[parameters('count')]"},
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        },
        {
            "type": "Microsoft.Network/networkSecurityGroups",
            "apiVersion": "2025-05-01",
            "name": "nsg",
            "location": "[resourceGroup().location]",
            "tags": {"first": "[reference(resourceId('Microsoft.Network/publicIPAddresses', 'pip0')).ipAddress]"},
            "properties": {},
        },
    ],
    "outputs": {
        "address": {
            "type": "string",
            "value": "[reference(resourceId('Microsoft.Network/publicIPAddresses', 'pip0')).ipAddress]",
        }
    },
}


def deploy(azure: SimpleNamespace, name: str, template: dict[str, Any], **parameters: Any) -> Any:
    body = {
        "properties": {
            "mode": "Incremental",
            "template": template,
            "parameters": {key: {"value": value} for key, value in parameters.items()},
        }
    }
    return azure.deployments.deployments.begin_create_or_update("rg", name, body).result()


def test_a_template_deployment(azure: SimpleNamespace) -> None:
    azure.resources.resource_groups.create_or_update("rg", {"location": "westeurope"})
    done = deploy(azure, "d", TEMPLATE, count=2)
    address = azure.network.public_ip_addresses.get("rg", "pip0").ip_address
    assert done.properties.provisioning_state == "Succeeded"
    assert done.properties.outputs == {"address": {"type": "String", "value": address}}
    assert azure.network.network_security_groups.get("rg", "nsg").tags == {"first": address}
    operations = list(azure.deployments.deployment_operations.list("rg", "d"))
    names = sorted(operation.properties.target_resource.resource_name for operation in operations)
    assert names == ["nsg", "pip0", "pip1"]


def test_a_failing_deployment_names_what_failed(azure: SimpleNamespace) -> None:
    azure.resources.resource_groups.create_or_update("rg", {"location": "westeurope"})
    broken = {**TEMPLATE, "resources": [{**TEMPLATE["resources"][1], "location": "mars", "tags": {}}], "outputs": {}}
    with pytest.raises(HttpResponseError) as failed:
        deploy(azure, "d", broken, count=1)
    assert failed.value.error.code == "DeploymentFailed"
    assert failed.value.error.details[0].code == "LocationNotAvailableForResourceType"
    [operation] = azure.deployments.deployment_operations.list("rg", "d")
    assert operation.properties.provisioning_state == "Failed"
    with pytest.raises(HttpResponseError) as refused:
        deploy(azure, "e", {**TEMPLATE, "resources": [{"type": "a"}]}, count=1)
    assert refused.value.status_code == 400
    assert refused.value.error.code == "InvalidTemplate"


def test_a_public_address_that_was_given_back_is_not_the_next_to_be_given(azure: SimpleNamespace) -> None:
    network_of(azure)
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    seen = []
    for _ in range(3):
        seen.append(azure.network.public_ip_addresses.begin_create_or_update("rg", "pip", body).result().ip_address)
        azure.network.public_ip_addresses.begin_delete("rg", "pip").result()
    assert len(set(seen)) == 3


def test_a_restart_whose_answer_is_lost_is_asked_for_once_more(
    azure: SimpleNamespace, server: RunningServer, image: Path
) -> None:
    machine(azure, network_of(azure), image)
    server.ok("POST", "/localazure/faults", {"kind": "unanswered", "method": "POST", "path": "vm/restart$"})
    restart(azure.compute, cast("Cluster", SimpleNamespace(group="rg")), "vm")
    calls = [entry["call"] for entry in server.ok("GET", "/localazure/journal")["value"]]
    assert len([call for call in calls if call.startswith("POST")]) == 2, calls
