"""The floor under bring-up: what a person does by hand on the same machines, one step after the other.

Three machines of the same managed image; ``kubeadm init`` on the first, ``kubeadm join`` on the second, then on the third. Pods get
addresses from a bridge a node and reach each other by a route a node, both known beforehand, so that nothing waits for a
controller. There is no cloud provider, no load balancer in front of the API server, no check from every node.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Network
from typing import Any

import yaml
from azure.mgmt.compute.models import RunCommandInput

from harness.builds.api import Build
from harness.clouds.api import Cloud, NodeProfile
from harness.deployers.kubeadm.cloudinit import kubelet_configuration
from harness.deployers.kubeadm.images import find_images
from harness.deployers.kubeadm.pki import make_ssh_key
from harness.errors import DeployError

SUBNET = IPv4Network("10.0.0.0/24")
PODS = IPv4Network("10.244.0.0/16")
NAMES = ("first", "second", "third")
_IGNORED = "--ignore-preflight-errors=SystemVerification,NumCPU,Mem,Swap"
"""kubeadm knows neither cgroup v1 nor small machines."""
_CONTAINERD = "until ctr version >/dev/null 2>&1; do sleep 0.2; done"
_KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
_PATIENCE = "--timeout=180s"


def bring_up(
    cloud: Cloud, build: Build, profile: NodeProfile, group: str, location: str, until: datetime
) -> dict[str, float]:
    """Make the cluster in an existing resource group; seconds from the deployment's PUT to the end of each step."""
    template = _template(build, profile, location)
    seconds: dict[str, float] = {}
    begun = time.monotonic()

    def done(step: str) -> None:
        seconds[step] = time.monotonic() - begun

    cloud.deploy(group, "naive", template, {}, until)
    done("machines")
    output = _run(cloud, group, "first", f"{_CONTAINERD}; kubeadm init --config /root/kubeadm.yaml {_IGNORED}")
    done("init")
    found = re.search(r"kubeadm join [^\\\n]+\\?\n?\s*--discovery-token-ca-cert-hash \S+", output)
    if found is None:
        raise DeployError("read the join command that kubeadm init prints", log_tail=output[-2000:])
    join = found[0].replace("\\\n", " ")
    for name in NAMES[1:]:
        _run(cloud, group, name, f"{_CONTAINERD}; {join} {_IGNORED}")
        done(f"join {name}")
    _run(cloud, group, "first", f"{_KUBECTL} wait --for=condition=Ready node --all {_PATIENCE}")
    done("nodes")
    _run(cloud, group, "first", f"{_KUBECTL} wait -n kube-system --for=condition=Available deploy/coredns {_PATIENCE}")
    done("dns")
    listed = _run(cloud, group, "first", f"{_KUBECTL} get nodes --no-headers")
    if len(re.findall(r"\sReady\s", listed)) != len(NAMES):
        raise DeployError("bring three nodes up by hand", last_seen=listed)
    return seconds


def _run(cloud: Cloud, group: str, name: str, script: str) -> str:
    """Run a script in a machine, as its owner would by SSH."""
    command = RunCommandInput(command_id="RunShellScript", script=["set -e", script])
    [status] = cloud.compute.virtual_machines.begin_run_command(group, name, command).result().value or []
    if status.code != "ProvisioningState/succeeded":
        raise DeployError(f"run a step on {name}", last_seen=str(status.code), log_tail=str(status.message)[-4000:])
    return str(status.message)


def _template(build: Build, profile: NodeProfile, location: str) -> dict[str, Any]:
    def address(index: int) -> str:
        return str(SUBNET[4 + index])

    network = "[resourceId('Microsoft.Network/virtualNetworks', 'net')]"
    table = "[resourceId('Microsoft.Network/routeTables', 'routes')]"
    ranges = list(PODS.subnets(new_prefix=24))
    routes = [
        {
            "name": name,
            "properties": {
                "addressPrefix": str(ranges[index]),
                "nextHopType": "VirtualAppliance",
                "nextHopIpAddress": address(index),
            },
        }
        for index, name in enumerate(NAMES)
    ]
    subnet = {"addressPrefix": str(SUBNET), "routeTable": {"id": table}}
    space = {"addressSpace": {"addressPrefixes": [str(SUBNET)]}, "subnets": [{"name": "nodes", "properties": subnet}]}
    resources = [
        _resource("Network/routeTables", "routes", {"routes": routes}),
        _resource("Network/virtualNetworks", "net", space, [table]),
    ]
    public = make_ssh_key().public
    for index, name in enumerate(NAMES):
        configuration = {
            "privateIPAllocationMethod": "Static",
            "privateIPAddress": address(index),
            "subnet": {"id": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'nodes')]"},
        }
        nic = {"enableIPForwarding": True, "ipConfigurations": [{"name": "primary", "properties": configuration}]}
        resources.append(_resource("Network/networkInterfaces", name, nic, [network]))
        interface = f"[resourceId('Microsoft.Network/networkInterfaces', '{name}')]"
        data = _user_data(build, profile, ranges[index], address(index) if index == 0 else "")
        machine = {
            "hardwareProfile": {"vmSize": profile.vm_size},
            "storageProfile": {
                "imageReference": dict(profile.image_reference),
                "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            },
            "osProfile": {
                "computerName": name,
                "adminUsername": "azureuser",
                "customData": base64.b64encode(data.encode()).decode(),
                "linuxConfiguration": {
                    "disablePasswordAuthentication": True,
                    "ssh": {"publicKeys": [{"path": "/home/azureuser/.ssh/authorized_keys", "keyData": public}]},
                },
            },
            "networkProfile": {"networkInterfaces": [{"id": interface}]},
        }
        resources.append(_resource("Compute/virtualMachines", name, machine, [interface]))
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [{**resource, "location": location} for resource in resources],
    }


def _resource(kind: str, name: str, properties: Mapping[str, Any], after: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": f"Microsoft.{kind}",
        "apiVersion": "2024-07-01" if kind.startswith("Compute") else "2024-05-01",
        "name": name,
        "dependsOn": after or [],
        "properties": properties,
    }


def _user_data(build: Build, profile: NodeProfile, pods: IPv4Network, first: str) -> str:
    """cloud-init that configures containerd and the pod network and starts containerd; the first machine has kubeadm's file too."""
    files = {
        "/etc/containerd/config.toml": _CONTAINERD_TOML.replace("@pause@", find_images(build).pause),
        "/etc/cni/net.d/10-pods.conflist": json.dumps(_network(pods)),
    }
    if first:
        files["/root/kubeadm.yaml"] = yaml.safe_dump_all(_kubeadm(build, profile, first))
    document = {
        "write_files": [{"path": path, "content": content} for path, content in files.items()],
        "runcmd": [["systemctl", "start", "containerd"]],
    }
    return "#cloud-config\n" + yaml.safe_dump(document)


_CONTAINERD_TOML = """\
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "@pause@"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
"""


def _network(pods: IPv4Network) -> dict[str, Any]:
    ipam = {"type": "host-local", "ranges": [[{"subnet": str(pods)}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cbr0", "isGateway": True, "hairpinMode": True, "ipam": ipam}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}


def _kubeadm(build: Build, profile: NodeProfile, address: str) -> list[dict[str, Any]]:
    version = "kubeadm.k8s.io/v1beta4"
    return [
        {"apiVersion": version, "kind": "InitConfiguration", "localAPIEndpoint": {"advertiseAddress": address}},
        {
            "apiVersion": version,
            "kind": "ClusterConfiguration",
            "kubernetesVersion": build.version,
            "networking": {"podSubnet": str(PODS)},
        },
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            **kubelet_configuration(build.version, profile.kubelet_overrides),
        },
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "conntrack": {"maxPerCore": 0},
        },
    ]
