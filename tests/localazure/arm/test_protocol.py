"""What every ARM client relies on: authentication, errors, etags, paging, operations, faults, journal."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest
import requests

GROUP = {"location": "westeurope"}
RG = "/resourceGroups/rg/providers"
NSG = "/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg"


@pytest.fixture
def group(server: Any) -> Any:
    server.ok("PUT", "/resourceGroups/rg", GROUP)
    return server


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_nothing_without_a_token(server: Any) -> None:
    url = f"{server.facts['http']}{server.subscription}/resourceGroups"
    assert requests.get(url, timeout=5).status_code == 401
    assert requests.get(url, headers={"Authorization": "Bearer x"}, timeout=5).status_code == 401
    assert requests.get(f"{server.facts['http']}/localazure/journal", timeout=5).status_code == 401
    assert requests.get(f"{server.facts['http']}/localazure/health", timeout=5).ok
    form = {"grant_type": "client_credentials", "client_id": server.facts["client_id"], "client_secret": "wrong"}
    refused = requests.post(f"{server.facts['http']}/adfs/oauth2/v2.0/token", data=form, timeout=5)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_errors_have_arms_codes(group: Any) -> None:
    assert code(group.call("GET", NSG)) == (404, "ResourceNotFound")
    assert code(group.call("GET", "/resourceGroups/no")) == (404, "ResourceGroupNotFound")
    assert code(group.call("PUT", NSG.replace("/rg/", "/no/"), GROUP)) == (404, "ResourceGroupNotFound")
    assert code(group.call("GET", NSG.replace("Microsoft.Network", "Micro.Soft"))) == (404, "InvalidResourceNamespace")
    assert code(group.call("PUT", NSG, {})) == (400, "LocationRequired")
    assert code(group.call("PUT", "/resourceGroups/rg", {"location": "eastus"})) == (409, "InvalidResourceLocation")
    assert group.call("DELETE", NSG).status_code == 204
    malformed = group.session.put(f"{group.facts['http']}{group.subscription}{NSG}", data="{", timeout=5)
    assert code(malformed) == (400, "InvalidRequestContent")
    assert code(group.call("GET", "/subscriptions/" + "0" * 36 + "/resourceGroups/rg")) == (404, "SubscriptionNotFound")


def test_ids_compare_without_case_and_keep_their_spelling(group: Any) -> None:
    created = group.ok("PUT", NSG, GROUP)
    found = group.ok("GET", NSG.lower())
    assert found["id"] == created["id"] == f"{group.subscription}{NSG}"
    assert group.call("PUT", NSG.upper().replace("/RG/", "/rg/"), GROUP).status_code == 200


def test_etags(group: Any) -> None:
    first = group.ok("PUT", NSG, GROUP)["etag"]
    second = group.call("PUT", NSG, GROUP, **{"If-Match": first})
    assert second.ok
    assert second.json()["etag"] != first
    assert code(group.call("PUT", NSG, GROUP, **{"If-Match": first})) == (412, "PreconditionFailedEtagMismatch")
    assert code(group.call("PUT", NSG, GROUP, **{"If-None-Match": "*"})) == (412, "PreconditionFailed")
    assert group.call("DELETE", NSG, **{"If-Match": first}).status_code == 412


def test_inline_children_are_resources(group: Any) -> None:
    table = "/resourceGroups/rg/providers/Microsoft.Network/routeTables/rt"
    group.ok("PUT", table, GROUP)
    route = {"properties": {"addressPrefix": "10.9.0.0/24", "nextHopType": "None"}}
    assert group.call("PUT", f"{table}/routes/r", route).status_code == 201
    assert group.ok("GET", table)["properties"]["routes"][0]["id"] == f"{group.subscription}{table}/routes/r"
    assert [r["name"] for r in group.ok("GET", f"{table}/routes")["value"]] == ["r"]
    bad = {"properties": {"addressPrefix": "10.9.0.1/24", "nextHopType": "None"}}
    assert code(group.call("PUT", f"{table}/routes/r", bad)) == (400, "InvalidRoute")
    assert group.call("DELETE", f"{table}/routes/r").status_code == 200
    assert group.call("GET", f"{table}/routes/r").status_code == 404


def test_lists_come_in_pages(group: Any) -> None:
    for number in range(5):
        group.ok("PUT", f"/resourceGroups/g{number}", {**GROUP, "tags": {"n": str(number % 2)}})
    group.ok("POST", "/localazure/config", {"page_size": 2})
    names, url = [], f"{group.facts['http']}{group.subscription}/resourceGroups?api-version=2025-04-01"
    while url:
        page = group.session.get(url, timeout=5).json()
        assert len(page["value"]) <= 2
        names += [item["name"] for item in page["value"]]
        url = page.get("nextLink", "")
    assert names == ["rg", "g0", "g1", "g2", "g3", "g4"]
    tagged = group.ok("GET", "/resourceGroups?$filter=tagName eq 'n' and tagValue eq '0'")
    assert [item["name"] for item in tagged["value"]] == ["g0", "g2"]


def test_resources_of_a_group_by_type_and_tag(group: Any) -> None:
    group.ok("PUT", NSG, {**GROUP, "tags": {"run": "a"}})
    group.ok("PUT", "/resourceGroups/rg/providers/Microsoft.Compute/availabilitySets/as", GROUP)
    found = group.ok("GET", "/resources?$filter=tagName eq 'run' and tagValue eq 'a'")["value"]
    assert [item["name"] for item in found] == ["nsg"]
    kind = "Microsoft.Compute/availabilitySets"
    found = group.ok("GET", f"/resourceGroups/rg/resources?$filter=resourceType eq '{kind}'")["value"]
    assert [item["type"] for item in found] == [kind]
    assert "createdTime" not in found[0]
    [expanded] = group.ok("GET", f"/resourceGroups/rg/resources?$filter=resourceType eq '{kind}'&$expand=createdTime")[
        "value"
    ]
    assert abs(datetime.fromisoformat(expanded["createdTime"]).timestamp() - time.time()) < 60
    assert code(group.call("GET", "/resources?$filter=nonsense")) == (400, "InvalidFilterInQueryString")


def test_an_operation_is_polled_to_its_end(group: Any) -> None:
    group.ok("POST", "/localazure/faults", {"kind": "operation", "method": "PUT", "path": "nsg$", "seconds": 0.2})
    accepted = group.call("PUT", NSG, GROUP)
    assert accepted.status_code == 201
    assert accepted.json()["properties"]["provisioningState"] == "Creating"
    assert accepted.headers["x-ms-retry-after-ms"] == "100"
    assert "Retry-After" not in accepted.headers, "clients prefer it, and it cannot say less than a second"
    deadline = time.monotonic() + 5
    while group.session.get(accepted.headers["Azure-AsyncOperation"], timeout=5).json()["status"] != "Succeeded":
        assert time.monotonic() < deadline
    assert group.ok("GET", NSG)["properties"]["provisioningState"] == "Succeeded"


def test_a_group_goes_with_everything_in_it(group: Any) -> None:
    group.ok("PUT", NSG, GROUP)
    accepted = group.call("DELETE", "/resourceGroups/rg?forceDeletionTypes=Microsoft.Compute/virtualMachines")
    assert accepted.status_code == 202
    deadline = time.monotonic() + 5
    while (answer := group.session.get(accepted.headers["Location"], timeout=5)).status_code == 202:
        assert time.monotonic() < deadline
    assert answer.status_code == 200
    assert group.call("HEAD", "/resourceGroups/rg").status_code == 404
    assert group.ok("GET", "/resources")["value"] == []


def test_the_journal_tells_who_did_what(group: Any) -> None:
    since = time.time()
    group.ok("PUT", NSG, GROUP)
    group.call("GET", NSG + "x")
    entries = group.ok("GET", f"/localazure/journal?path=networksecuritygroups&since={since}")["value"]
    assert [(entry["method"], entry["status"], entry["code"]) for entry in entries] == [
        ("PUT", 201, ""),
        ("GET", 404, "ResourceNotFound"),
    ]
    assert entries[0]["principal"] == "client"
    assert group.ok("GET", f"/localazure/journal?method=DELETE,POST&since={since}")["value"] == []
    assert group.ok("GET", f"/localazure/journal?until={since}&path=networksecuritygroups")["value"] == []
    assert code(group.call("GET", "/localazure/journal?until=soon")) == (400, "InvalidParameter")


def test_discovery_in_both_shapes(server: Any) -> None:
    base = server.facts["http"]
    [listed] = requests.get(f"{base}/metadata/endpoints?api-version=2019-05-01", timeout=5).json()
    shown = requests.get(f"{base}/metadata/endpoints?api-version=2022-09-01", timeout=5).json()
    assert listed["resourceManager"] == shown["resourceManager"] == f"{base}/"
    assert shown["authentication"]["loginEndpoint"] == f"{server.facts['https']}/"


def test_providers_name_the_zones_of_machines(server: Any) -> None:
    types = {t["resourceType"]: t for t in server.ok("GET", "/providers/Microsoft.Compute")["resourceTypes"]}
    mapping = {entry["location"]: entry["zones"] for entry in types["virtualMachines"]["zoneMappings"]}
    assert mapping["West Europe"] == ["1", "2", "3"]
    assert server.ok("POST", "/providers/microsoft.network/register")["registrationState"] == "Registered"


def test_quota_is_shown_and_enforced(group: Any) -> None:
    group.ok("POST", "/localazure/config", {"quota": {"PublicIPAddresses": 1}})
    address = "/resourceGroups/rg/providers/Microsoft.Network/publicIPAddresses/p"
    group.ok("PUT", f"{address}1", GROUP)
    assert code(group.call("PUT", f"{address}2", GROUP)) == (400, "PublicIPCountLimitReached")
    usages = group.ok("GET", "/providers/Microsoft.Network/locations/westeurope/usages")["value"]
    [usage] = [usage for usage in usages if usage["name"]["value"] == "PublicIPAddresses"]
    assert (usage["currentValue"], usage["limit"]) == (1, 1)


def test_a_group_whose_network_others_use_stays(group: Any, fabric: Any) -> None:
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    space["subnets"] = [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]
    network = group.ok("PUT", f"{RG}/Microsoft.Network/virtualNetworks/v", {**GROUP, "properties": space})
    group.ok("PUT", "/resourceGroups/other", GROUP)
    ip = {"name": "i", "properties": {"subnet": {"id": network["properties"]["subnets"][0]["id"]}}}
    nic = "/resourceGroups/other/providers/Microsoft.Network/networkInterfaces/n"
    group.ok("PUT", nic, {**GROUP, "properties": {"ipConfigurations": [ip]}})

    def delete() -> int:
        polled = group.call("DELETE", "/resourceGroups/rg").headers["Location"]
        while (answer := group.session.get(polled, timeout=5)).status_code == 202:
            pass
        return answer.status_code

    assert delete() == 409
    assert group.ok("GET", "/resourceGroups/rg")["properties"]["provisioningState"] == "Failed"
    space["addressSpace"]["addressPrefixes"].append("10.1.0.0/16")
    group.ok("PUT", f"{RG}/Microsoft.Network/virtualNetworks/v", {**GROUP, "properties": space})
    [plan] = fabric.networks.values()
    assert [str(prefix) for prefix in plan.prefixes] == ["10.0.0.0/16", "10.1.0.0/16"]
    group.ok("DELETE", nic)
    assert delete() == 200
    assert fabric.networks == {}


def test_addresses_are_given_out_once(group: Any) -> None:
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    space["subnets"] = [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/28"}}]
    network = group.ok("PUT", f"{RG}/Microsoft.Network/virtualNetworks/v", {**GROUP, "properties": space})
    subnet = {"subnet": {"id": network["properties"]["subnets"][0]["id"]}}

    def nic(name: str, **properties: Any) -> requests.Response:
        ip = {"name": "i", "properties": {**subnet, **properties}}
        body = {**GROUP, "properties": {"ipConfigurations": [ip]}}
        return group.call("PUT", f"{RG}/Microsoft.Network/networkInterfaces/{name}", body)

    def address(answer: requests.Response) -> str:
        assert answer.ok, answer.text
        return str(answer.json()["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"])

    internal = {"frontendIPConfigurations": [{"name": "f", "properties": subnet}]}
    group.ok("PUT", f"{RG}/Microsoft.Network/loadBalancers/l", {**GROUP, "properties": internal})
    static = {"privateIPAllocationMethod": "Static", "privateIPAddress": "10.0.0.6"}
    assert address(nic("a", **static)) == "10.0.0.6"
    assert [address(nic(name)) for name in ("b", "c")] == ["10.0.0.5", "10.0.0.7"]
    assert address(nic("b")) == "10.0.0.5"
    assert code(nic("d", **static)) == (400, "PrivateIPAddressIsAllocated")
    reserved = {**static, "privateIPAddress": "10.0.0.2"}
    assert code(nic("d", **reserved)) == (400, "PrivateIPAddressNotInSubnet")
    last = [nic(f"n{number}") for number in range(8)]
    assert [address(answer) for answer in last[:7]] == [f"10.0.0.{end}" for end in range(8, 15)]
    assert code(last[7]) == (400, "SubnetIsFull")


def test_a_running_deployment_can_be_canceled_and_a_second_one_is_refused(group: Any, fabric: Any) -> None:
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Network/virtualNetworks",
                "apiVersion": "2025-05-01",
                "name": "v",
                "location": "westeurope",
                "properties": space,
            },
            {
                "type": "Microsoft.Network/networkSecurityGroups",
                "apiVersion": "2025-05-01",
                "name": "nsg",
                "location": "westeurope",
                "dependsOn": ["v"],
            },
        ],
    }
    body = {"properties": {"mode": "Incremental", "template": template}}
    path = f"{RG}/Microsoft.Resources/deployments/d"
    fabric.pace = 0.5
    assert group.call("PUT", path, body).status_code == 201
    assert group.ok("GET", path)["properties"]["provisioningState"] == "Running"
    assert code(group.call("PUT", path, body)) == (409, "DeploymentActive")
    assert group.call("POST", f"{path}/cancel").status_code == 204
    deadline = time.monotonic() + 5
    while (state := group.ok("GET", path)["properties"]["provisioningState"]) == "Running":
        assert time.monotonic() < deadline
    assert state == "Canceled"
    assert code(group.call("GET", NSG)) == (404, "ResourceNotFound")
    assert code(group.call("POST", f"{path}/cancel")) == (409, "DeploymentCannotBeCancelled")
    assert group.ok("POST", f"{path}/validate", body)["properties"]["provisioningState"] == "Succeeded"
