"""ARM over the real fabric: a machine boots, is balanced, learns of itself, pulls, outlives its server, and goes."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from server_process import Process

from harness.builds import debian
from harness.builds.cache import Cache
from harness.builds.machine import system

pytestmark = pytest.mark.root

WEST = {"location": "westeurope"}
NETWORK = "/resourceGroups/rg/providers/Microsoft.Network"
COMPUTE = "/resourceGroups/rg/providers/Microsoft.Compute"
USER_DATA = """#cloud-config
write_files:
- path: /etc/systemd/system/www.service
  content: |
    [Service]
    ExecStartPre=sh -c 'mkdir -p /root/www && hostname > /root/www/name'
    ExecStart=python3 -m http.server --directory /root/www 80
    [Install]
    WantedBy=multi-user.target
runcmd:
- systemctl enable --now www
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A managed image without Kubernetes."""
    cache = Path(os.environ.get("HARNESS_CACHE", "~/.cache/kubernetes-azure-harness")).expanduser()
    base = debian.tree(Cache(cache), system.TREE, print)
    folder = tmp_path_factory.mktemp("image")
    system.write_layer(folder / "layer")
    (folder / "image.json").write_text(
        json.dumps(
            {
                "layers": [str(folder / "layer"), str(base)],
                "seeds": {},
                "copied": [],
                "volumes": ["var/lib/containerd", "var/lib/kubelet"],
                "registry": "oci",
            }
        )
    )
    return folder


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def start() -> Process:
        started.append(Process(tmp_path / "state"))
        started[-1].ready()
        return started[-1]

    yield start
    last = started[-1]
    try:
        if last.process.poll() is None:
            last.call("POST", "/localazure/shutdown?clear=true")
            last.process.wait(20)
    finally:
        for process in started:
            process.kill()


def eventually(what: str, seconds: float, probe: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            if found := probe():
                return found
        except (requests.RequestException, AssertionError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s; last seen: {last}")


def run(server: Process, script: str) -> str:
    body = {"commandId": "RunShellScript", "script": [script]}
    [status] = server.ok("POST", f"{COMPUTE}/virtualMachines/web/runCommand", body)["value"]
    assert status["code"] == "ProvisioningState/succeeded", status
    return str(status["message"]).partition("[stdout]\n")[2].partition("\n[stderr]")[0].strip()


def make_machine(server: Process, image: Path) -> str:
    """A group with a machine behind a public load balancer; returns the public address."""
    server.ok("PUT", "/resourceGroups/rg", WEST)
    subnet = {"name": "s", "properties": {"addressPrefix": "10.1.0.0/24"}}
    space = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": [subnet]}
    vnet = server.ok("PUT", f"{NETWORK}/virtualNetworks/v", {**WEST, "properties": space})
    address = server.ok("PUT", f"{NETWORK}/publicIPAddresses/p", {**WEST, "sku": {"name": "Standard"}})
    lb = address["id"].replace("publicIPAddresses/p", "loadBalancers/lb")
    rule = {
        "frontendIPConfiguration": {"id": f"{lb}/frontendIPConfigurations/f"},
        "backendAddressPool": {"id": f"{lb}/backendAddressPools/b"},
        "probe": {"id": f"{lb}/probes/p"},
        "protocol": "Tcp",
        "frontendPort": 8000,
        "backendPort": 80,
    }
    parts = {
        "frontendIPConfigurations": [{"name": "f", "properties": {"publicIPAddress": {"id": address["id"]}}}],
        "backendAddressPools": [{"name": "b"}],
        "probes": [{"name": "p", "properties": {"protocol": "Tcp", "port": 80, "intervalInSeconds": 5}}],
        "loadBalancingRules": [{"name": "r", "properties": rule}],
    }
    server.ok("PUT", f"{NETWORK}/loadBalancers/lb", {**WEST, "sku": {"name": "Standard"}, "properties": parts})
    ip = {
        "subnet": {"id": vnet["properties"]["subnets"][0]["id"]},
        "loadBalancerBackendAddressPools": [{"id": f"{lb}/backendAddressPools/b"}],
    }
    configurations = {"ipConfigurations": [{"name": "i", "properties": ip}]}
    nic = server.ok("PUT", f"{NETWORK}/networkInterfaces/n", {**WEST, "properties": configurations})
    source = {"storageProfile": {"osDisk": {"blobUri": f"file://{image}"}}}
    managed = server.ok("PUT", f"{COMPUTE}/images/i", {**WEST, "properties": source})
    properties = {
        "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
        "storageProfile": {"imageReference": {"id": managed["id"]}},
        "osProfile": {
            "computerName": "web",
            "adminUsername": "azureuser",
            "customData": base64.b64encode(USER_DATA.encode()).decode(),
        },
        "networkProfile": {"networkInterfaces": [{"id": nic["id"]}]},
    }
    body = {**WEST, "identity": {"type": "SystemAssigned"}, "properties": properties}
    server.ok("PUT", f"{COMPUTE}/virtualMachines/web", body)
    return str(address["properties"]["ipAddress"])


def test_a_machine_from_boot_to_removal(serve: Callable[[], Process], image: Path, tmp_path: Path) -> None:
    server = serve()
    public = make_machine(server, image)

    def reached() -> bool:
        return requests.get(f"http://{public}:8000/name", timeout=1).text.strip() == "web"

    eventually("the machine answers at its public address", 60, reached)

    curl = "curl -s -m 5 -H Metadata:true"
    document = json.loads(run(server, f"{curl} 'http://169.254.169.254/metadata/instance?api-version=2021-10-01'"))
    assert document["compute"]["name"] == "web"
    assert document["network"]["interface"][0]["ipv4"]["ipAddress"][0]["privateIpAddress"] == "10.1.0.4"
    endpoints = run(server, "curl -s -m 5 'http://168.63.129.16:8080/metadata/endpoints?api-version=2019-05-01'")
    assert json.loads(endpoints)[0]["resourceManager"] == "http://168.63.129.16:8080/"
    assert run(server, "curl -s -m 5 http://168.63.129.16:5000/v2/") == "{}"
    token = f"{curl} 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x'"
    assert json.loads(run(server, token))["token_type"] == "Bearer"

    creation = {"creationData": {"createOption": "Empty"}, "diskSizeGB": 1}
    disk = server.ok("PUT", f"{COMPUTE}/disks/data", {**WEST, "properties": creation})
    entry = {"lun": 3, "createOption": "Attach", "managedDisk": {"id": disk["id"]}}
    change = {**WEST, "properties": {"storageProfile": {"dataDisks": [entry]}}}
    server.ok("PUT", f"{COMPUTE}/virtualMachines/web", change)
    assert run(server, "blockdev --getsize64 /dev/disk/azure/scsi1/lun3") == str(2**30)

    booted = run(server, "cat /proc/1/stat | cut -d' ' -f22")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(5)
    assert reached(), "the load balancer works while its server is dead"
    again = serve()
    assert run(again, "cat /proc/1/stat | cut -d' ' -f22") == booted, "the machine was not restarted"
    assert reached()
    assert json.loads(run(again, f"{curl} 'http://169.254.169.254/metadata/instance?api-version=2021-10-01'"))

    again.ok("POST", f"{COMPUTE}/virtualMachines/web/deallocate")
    again.ok("POST", f"{COMPUTE}/virtualMachines/web/start")
    eventually("the machine answers again", 60, reached)
    began = time.monotonic()
    accepted = again.call("DELETE", "/resourceGroups/rg")
    assert accepted.status_code == 202
    eventually("the group is gone", 20, lambda: again.call("HEAD", "/resourceGroups/rg").status_code == 404)
    print(f"cascade: {time.monotonic() - began:.2f} s")
    mounts = Path("/proc/self/mounts").read_text()
    assert str(tmp_path / "state") not in mounts
    loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True, timeout=5).stdout
    assert str(tmp_path / "state") not in loops
