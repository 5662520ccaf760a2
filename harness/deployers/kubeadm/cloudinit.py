"""cloud-init user data of each machine: the same for both clouds, differing only by what the node profile says.

Everything secret travels in user data alone and lands in files of mode 0600. What a file says is in files/*.j2; what a cluster
is made of is decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import yaml

from harness.builds.machine.system import CONTAINERD
from harness.clouds.api import NodeProfile
from harness.clusters.api import Node
from harness.deployers.kubeadm.kubeconfig import kubeconfig
from harness.deployers.kubeadm.names import API_PORT, PODS, SERVICES, Names
from harness.deployers.kubeadm.pki import ClusterPki
from harness.deployers.kubeadm.waits import Waits

FILES = Path(__file__).parent / "files"
PACKAGES = (
    *("runc", "containernetworking-plugins", "iptables", "nftables", "conntrack", "ipset"),
    *("socat", "ethtool", "curl", "e2fsprogs", "xfsprogs", "util-linux"),
)
"""Debian packages of a node that does not start from a managed image; the managed image has the same."""
LIMIT = 20
"""Minutes that systemd gives for making a machine a node; the run's own deadline is usually nearer."""

_OWN = "/etc/kubernetes-node"
_UNIT = "/etc/systemd/system/kubernetes-node.service"
_KUBELET_CLIENT = "/var/lib/kubelet/pki/kubelet-client-current.pem"
"""Where kubelet keeps it and renews it."""
_PACE = {"kube-api-qps": "300", "kube-api-burst": "600"}
"""For controller manager and scheduler: with the default of 20 requests a second, starting all controllers takes five seconds."""


@dataclass(frozen=True)
class ClusterFacts:
    """What all machines of a cluster have in common."""

    names: Names
    pki: ClusterPki
    profile: NodeProfile
    waits: Waits
    version: str
    """Kubernetes version with the leading v."""
    subscription: str
    group: str
    location: str
    images: Images
    patience: int = 1
    """Factor on how long kubeadm waits for what it starts."""


@dataclass(frozen=True)
class Images:
    """References of images that the node must name itself."""

    pause: str
    controller_manager: str
    node_manager: str


@dataclass(frozen=True)
class File:
    """One file that cloud-init writes."""

    path: str
    content: str
    mode: str = "0644"


def user_data(facts: ClusterFacts, node: Node) -> str:
    """The ``#cloud-config`` of this machine; ``@api-address@`` in it stands for the API server's public address."""
    document: dict[str, Any] = {
        "write_files": [
            {"path": file.path, "permissions": file.mode, "content": file.content} for file in _files(facts, node)
        ],
        "runcmd": [
            ["ln", "-sf", _UNIT, "/etc/systemd/system/multi-user.target.wants/"],  # a reboot meanwhile goes on with it
            ["systemctl", "daemon-reload"],
            ["systemctl", "start", "--no-block", "kubernetes-node.service"],
        ],
    }
    if not facts.profile.prebuilt:
        document |= {"package_update": True, "packages": list(PACKAGES)}
    return "#cloud-config\n" + yaml.safe_dump(document, sort_keys=False, width=1_000_000)


def minor(version: str) -> int:
    """``37`` of ``v1.37.2``."""
    found = re.match(r"v1\.(\d+)\.", version)
    if found is None:
        raise ValueError(f"not a Kubernetes version: {version!r}")
    return int(found[1])


def kubelet_configuration(version: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """KubeletConfiguration fields, as far as this version knows them."""
    fields: dict[str, Any] = {
        "cgroupDriver": "cgroupfs",
        "serializeImagePulls": False,
        "registryPullQPS": 0,
    }
    if minor(version) >= 31:
        fields["failCgroupV1"] = False  # KEP-5573: refused by default from 1.35 on
    if minor(version) >= 36:
        fields["enableSystemLogQuery"] = (
            True  # KEP-2258: journals of nodes through the API server, when a test has failed
        )
    return fields | dict(overrides)


def _files(facts: ClusterFacts, node: Node) -> Iterator[File]:
    values = _values(facts, node)

    def rendered(path: str, template: str, mode: str = "0644") -> File:
        return File(path, _render(template, values), mode)

    first = node == facts.names.control_plane
    yield rendered("/etc/sysctl.d/90-kubernetes.conf", "sysctl.conf.j2")
    yield rendered("/etc/containerd/config.toml", "containerd.toml.j2")
    yield rendered("/etc/containerd/pod-network.conflist", "pod-network.conflist.j2")
    if facts.profile.registry_mirror:
        yield rendered("/etc/containerd/certs.d/_default/hosts.toml", "registry-mirror.toml.j2")
    yield rendered(f"{_OWN}/kubeadm.yaml", "kubeadm.yaml.j2", "0600")
    if node.role == "control-plane":
        yield rendered("/etc/kubernetes/azure.json", "azure.json.j2", "0600")
        yield from _authorities(facts)
        for patch in sorted((FILES / "patches").iterdir()):
            yield rendered(f"{_OWN}/patches/{patch.name}", f"patches/{patch.name}")
    if first:
        yield rendered(f"{_OWN}/cloud-provider.yaml", "cloud-provider.yaml.j2")
    else:
        yield from _joining_files(facts, node)
    if not facts.profile.prebuilt:
        yield File(f"{_OWN}/bundle.curl", _curl_config(facts.profile.bundle_url), "0600")
        yield File("/etc/systemd/system/containerd.service", CONTAINERD)
        yield rendered("/etc/systemd/system/kubelet.service", "kubelet.service.j2")
    yield rendered("/usr/local/sbin/prepare-node", "prepare-node.j2", "0700")
    script = "init-node" if first else "join-node"
    yield rendered(f"/usr/local/sbin/{script}", f"{script}.j2", "0700")
    yield rendered(_UNIT, "kubernetes-node.service.j2")


def _authorities(facts: ClusterFacts) -> Iterator[File]:
    for name, content in facts.pki.files().items():
        yield File(f"/etc/kubernetes/pki/{name}", content, "0600")


def _joining_files(facts: ClusterFacts, node: Node) -> Iterator[File]:
    api = f"https://{facts.names.control_plane.address}:{API_PORT}"
    authority = facts.pki.cluster.pem.public
    yield File(f"{_OWN}/ca.crt", authority)
    yield File(f"{_OWN}/discovery.conf", kubeconfig(api, authority), "0600")
    # with its client certificate made beforehand, kubelet need not wait for the controller manager to sign one
    client = facts.pki.cluster.client(f"system:node:{node.name}", "system:nodes", datetime.now(UTC))
    yield File(_KUBELET_CLIENT, client.public + client.private, "0600")
    yield File("/etc/kubernetes/kubelet.conf", kubeconfig(api, authority, client_file=_KUBELET_CLIENT), "0600")


def _curl_config(url: str) -> str:
    return f'url = "{url}"\nfail\nsilent\nshow-error\nretry = 5\nretry-connrefused\nconnect-timeout = 10\n'


def _values(facts: ClusterFacts, node: Node) -> dict[str, Any]:
    names, profile = facts.names, facts.profile
    single = sum(item.role == "control-plane" for item in names.nodes) == 1
    # with one control plane nobody else can hold the lease, and a first miss would cost two seconds
    component = dict(_PACE) | ({"leader-elect": "false"} if single else {})
    return {
        "name": node.name,
        "role": node.role,
        "address": node.address,
        "first": node == names.control_plane,
        "api": names.control_plane.address,
        "names": names,
        "token": facts.pki.token,
        "version": facts.version,
        "pods": str(PODS),
        "services": str(SERVICES),
        "prebuilt": profile.prebuilt,
        "bundle_sha256": profile.bundle_sha256,
        "registry_mirror": profile.registry_mirror,
        "arm_endpoint": profile.arm_endpoint,
        "tenant": profile.tenant,
        "subscription": facts.subscription,
        "group": facts.group,
        "location": facts.location,
        "pause": facts.images.pause,
        "controller_manager_image": facts.images.controller_manager,
        "node_manager_image": facts.images.node_manager,
        "component_arguments": _arguments(component),
        "apiserver_arguments": _arguments(facts.waits.apiserver),
        "etcd_arguments": _arguments(profile.etcd_arguments),
        "kubelet": kubelet_configuration(facts.version, {**profile.kubelet_overrides, **facts.waits.kubelet}),
        "route_period": "1s" if profile.prebuilt else "10s",
        "patience": facts.patience,
        "limit": f"{LIMIT * facts.patience}min",
    }


def _arguments(flags: Mapping[str, str]) -> list[dict[str, str]]:
    """kubeadm's ``extraArgs``."""
    return [{"name": name, "value": value} for name, value in flags.items()]


def _render(template: str, values: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  configuration files, not HTML
    )
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, indent=indent)
    return environment.get_template(template).render(values)
