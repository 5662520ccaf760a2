"""What a machine learns at 169.254.169.254, and what its managed identity may then do."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests

WEST = {"location": "westeurope"}
RG = "/resourceGroups/rg"


@pytest.fixture
def machine(server: Any, fabric: Any, image: Path) -> Any:
    """A machine whose NIC has the address that requests of this test come from."""
    server.ok("PUT", RG, WEST)
    network, compute = f"{RG}/providers/Microsoft.Network", f"{RG}/providers/Microsoft.Compute"
    subnet = {"name": "s", "properties": {"addressPrefix": "127.0.0.0/16"}}
    space = {"addressSpace": {"addressPrefixes": ["127.0.0.0/16"]}, "subnets": [subnet]}
    vnet = server.ok("PUT", f"{network}/virtualNetworks/v", {**WEST, "properties": space})
    address = server.ok("PUT", f"{network}/publicIPAddresses/p", {**WEST, "sku": {"name": "Standard"}})
    frontend = {"name": "f", "properties": {"publicIPAddress": {"id": address["id"]}}}
    parts = {"frontendIPConfigurations": [frontend], "backendAddressPools": [{"name": "b"}]}
    balancer = server.ok("PUT", f"{network}/loadBalancers/lb", {**WEST, "properties": parts})
    ip = {
        "subnet": {"id": vnet["properties"]["subnets"][0]["id"]},
        "loadBalancerBackendAddressPools": [{"id": balancer["properties"]["backendAddressPools"][0]["id"]}],
        # loopback stands for the inside of a network
    }
    second = {"name": "second", "properties": {"subnet": ip["subnet"], "privateIPAddress": "127.0.0.9"}}
    second["properties"]["privateIPAllocationMethod"] = "Static"
    configurations = [{"name": "i", "properties": {**ip, "primary": True}}, second]
    nic = server.ok(
        "PUT", f"{network}/networkInterfaces/n", {**WEST, "properties": {"ipConfigurations": configurations}}
    )
    disk = {"osDisk": {"blobUri": f"file://{image}"}}
    managed = server.ok("PUT", f"{compute}/images/i", {**WEST, "properties": {"storageProfile": disk}})
    body = {
        **WEST,
        "zones": ["2"],
        "tags": {"role": "node"},
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
            "storageProfile": {"imageReference": {"id": managed["id"]}},
            "osProfile": {"computerName": "m", "adminUsername": "u"},
            "networkProfile": {"networkInterfaces": [{"id": nic["id"]}]},
        },
    }
    return server.ok("PUT", f"{compute}/virtualMachines/m", body)


def inside(fabric: Any, port: int) -> requests.Session:
    """A client that calls from 127.0.0.9 into the network's listener."""
    [(_, local)] = [item for item in fabric.listening.items() if item[0][1] == port]
    session = requests.Session()
    session.mount("http://", _From("127.0.0.9"))
    session.base = f"http://127.0.0.1:{local}"  # type: ignore[attr-defined]
    session.headers["Metadata"] = "true"
    return session


class _From(requests.adapters.HTTPAdapter):
    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> Any:
        return super().init_poolmanager(*args, source_address=(self.address, 0), **options)


def test_instance_document(server: Any, fabric: Any, machine: Any) -> None:
    with inside(fabric, 80) as client:
        document = client.get(f"{client.base}/metadata/instance?api-version=2021-10-01&format=json", timeout=5).json()
        compute = document["compute"]
        assert (compute["name"], compute["zone"], compute["vmSize"]) == ("m", "2", "Standard_D2s_v5")
        assert compute["resourceId"] == machine["id"]
        [interface] = document["network"]["interface"]
        assert [a["privateIpAddress"] for a in interface["ipv4"]["ipAddress"]] == ["127.0.0.4", "127.0.0.9"]
        balanced = client.get(f"{client.base}/metadata/loadbalancer?api-version=2020-10-01", timeout=5).json()
        assert balanced["loadbalancer"]["publicIpAddresses"][0]["privateIpAddress"] == "127.0.0.4"
        name = client.get(f"{client.base}/metadata/instance/compute/name?format=text", timeout=5)
        assert name.text == "m"
        assert client.get(f"{client.base}/metadata/instance", headers={"Metadata": ""}, timeout=5).status_code == 400
    [(_, port)] = [item for item in fabric.listening.items() if item[0][1] == 80]
    stranger = requests.get(f"http://127.0.0.1:{port}/metadata/instance", headers={"Metadata": "true"}, timeout=5)
    assert stranger.status_code == 404


def test_a_managed_identity_may_what_it_was_assigned(server: Any, fabric: Any, machine: Any) -> None:
    with inside(fabric, 80) as client:
        query = "api-version=2018-02-01&resource=https://management.azure.com/"
        token = client.get(f"{client.base}/metadata/identity/oauth2/token?{query}", timeout=5).json()["access_token"]

    def as_machine(method: str, path: str, body: Any = None) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{server.facts['http']}{server.subscription}{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=5).status_code

    nsg = f"{RG}/providers/Microsoft.Network/networkSecurityGroups/x"
    assert as_machine("PUT", nsg, WEST) == 403
    role = (
        f"{server.subscription}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"
    )
    properties = {"roleDefinitionId": role, "principalId": machine["identity"]["principalId"]}
    assignment = f"{RG}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    server.ok("PUT", assignment, {"properties": properties})
    assert as_machine("PUT", nsg, WEST) == 201
    assert as_machine("GET", "/providers/Microsoft.Compute") == 200
    assert as_machine("PUT", "/resourceGroups/other", WEST) == 403
    entries = server.ok("GET", "/localazure/journal?path=networkSecurityGroups/x&method=PUT")["value"]
    assert {entry["principal"] for entry in entries} == {machine["id"]}
    assert (
        requests.get(
            f"{server.facts['http']}/localazure/journal", headers={"Authorization": f"Bearer {token}"}, timeout=5
        ).status_code
        == 403
    )


def test_images_are_pulled_from_the_calling_machines_image(server: Any, fabric: Any, machine: Any, image: Path) -> None:
    def blob(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        (image / "oci" / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (image / "oci" / "blobs" / "sha256" / digest).write_bytes(content)
        return f"sha256:{digest}"

    layer = blob(b"layer")
    media = "application/vnd.oci.image.manifest.v1+json"
    manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": media, "layers": [{"digest": layer}]}).encode())
    name = {"org.opencontainers.image.ref.name": "registry.k8s.io/e2e/pause:3.10.2"}
    (image / "oci" / "index.json").write_text(
        json.dumps({"manifests": [{"digest": manifest, "mediaType": media, "annotations": name}]})
    )
    with inside(fabric, 5000) as client:
        base = f"{client.base}/v2"
        assert client.get(f"{base}/", timeout=5).json() == {}
        tagged = client.head(f"{base}/e2e/pause/manifests/3.10.2?ns=registry.k8s.io", timeout=5)
        assert tagged.headers["Docker-Content-Digest"] == manifest
        assert tagged.headers["Content-Type"] == media
        pulled = client.get(f"{base}/e2e/pause/manifests/{manifest}?ns=registry.k8s.io", timeout=5)
        assert pulled.json()["layers"][0]["digest"] == layer
        assert client.get(f"{base}/e2e/pause/blobs/{layer}?ns=registry.k8s.io", timeout=5).content == b"layer"
        for wrong in ("e2e/pause/manifests/9?ns=registry.k8s.io", "e2e/pause/manifests/3.10.2?ns=quay.io"):
            assert client.get(f"{base}/{wrong}", timeout=5).status_code == 404
        assert client.get(f"{base}/e2e/pause/blobs/sha256:{'0' * 64}", timeout=5).status_code == 404
