"""What evidence and leftovers ask of ARM, through Azure's own clients: which requests were made, and what is in a group."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from harness.clouds.journal import ask, requests_of_machines
from harness.clouds.server import ServerInfo
from harness.clusters.leftovers.resources import resources
from harness.errors import CloudError, UsageError

NSG = "/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg"


@pytest.fixture
def info(server: Any) -> ServerInfo:
    found = ServerInfo.read(server.state / "server.json")
    assert found is not None
    return found


def test_requests_of_others_are_told_and_the_harness_own_are_not(server: Any, info: ServerInfo) -> None:
    since = time.time()
    server.ok("PUT", "/resourceGroups/rg", {"location": "westeurope"})
    server.ok("PUT", NSG, {"location": "westeurope"})
    url = f"{info.http}{server.subscription}"
    requests.get(f"{url}{NSG}", headers={"User-Agent": "provider/1"}, timeout=5)  # without a token, so not ours
    requests.get(f"{url}{NSG.replace('/rg/', '/rg-of-another/')}", timeout=5)
    [told] = requests_of_machines(info, "RG", since, time.time())
    assert (told.method, told.status, told.client) == ("GET", 401, "provider/1")
    assert told.path.endswith("/nsg")
    assert requests_of_machines(info, "rg", since, told.at - 0.001) == []


def test_a_server_that_refuses_or_is_gone_is_an_error_in_words(info: ServerInfo) -> None:
    with pytest.raises(UsageError, match="since, until and after are numbers"):
        ask(info, "GET", "journal?since=yesterday")
    with pytest.raises(CloudError, match="HTTP 404"):
        ask(info, "GET", "nothing")
    gone = ServerInfo(**{**vars(info), "http": "http://127.0.0.1:1"})
    with pytest.raises(CloudError, match="ask local Azure"):
        ask(gone, "GET", "journal")


def test_a_group_is_told_with_what_the_cloud_provider_adds(server: Any, azure: SimpleNamespace) -> None:
    azure.resources.resource_groups.create_or_update("rg", {"location": "westeurope"})
    rule = {
        "name": "k8s-azure-lb_allow_IPv4_1",
        "properties": {
            "priority": 500, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourceAddressPrefix": "Internet",
            "sourcePortRange": "*", "destinationAddressPrefix": "203.0.113.9", "destinationPortRange": "80",
        },
    }  # fmt: skip
    server.ok("PUT", NSG, {"location": "westeurope", "properties": {"securityRules": [rule]}})
    address = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "tags": {"k8s-azure-service": "lb-1/web,lb-1/other"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    made = azure.network.public_ip_addresses.begin_create_or_update("rg", "kubernetes-a1", address).result()
    frontend = {"name": "a1", "properties": {"publicIPAddress": {"id": made.id}}}
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard"},
        "properties": {"frontendIPConfigurations": [frontend]},
    }
    azure.network.load_balancers.begin_create_or_update("rg", "kubernetes", body).result()
    found = {f"{item.kind} {item.name}": item for item in resources(azure, "rg")}
    assert found.keys() == {
        "networkSecurityGroups nsg",
        "networkSecurityGroups/securityRules nsg/k8s-azure-lb_allow_IPv4_1",
        "publicIPAddresses kubernetes-a1",
        "loadBalancers kubernetes",
        "loadBalancers/frontendIPConfigurations kubernetes/a1",
    }
    public = found["publicIPAddresses kubernetes-a1"]
    assert public.namespace == "lb-1"
    assert abs(public.created - time.time()) < 60
    assert all(item.cloud for item in found.values())


def test_a_group_that_is_gone_is_an_error_in_words(azure: SimpleNamespace) -> None:
    with pytest.raises(CloudError, match="list what is in nowhere"):
        resources(azure, "nowhere")
