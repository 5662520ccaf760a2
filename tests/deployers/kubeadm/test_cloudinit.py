from __future__ import annotations

import json
import stat
import tomllib
from typing import Any

import pytest
import yaml

from harness.deployers.kubeadm.cloudinit import ClusterFacts, kubelet_configuration, user_data
from harness.deployers.kubeadm.waits import waits

from .facts import FETCHED, facts

LIMIT = 48 * 1024
"""Azure takes 64 KiB of customData, after base64."""


def files(cluster: ClusterFacts, index: int) -> dict[str, dict[str, Any]]:
    text = user_data(cluster, cluster.names.nodes[index])
    assert text.startswith("#cloud-config\n")
    assert len(text) < LIMIT
    return {file["path"]: file for file in yaml.safe_load(text)["write_files"]}


def documents(file: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(file["content"])}


def test_control_plane_initialises_with_what_all_machines_agree_on() -> None:
    cluster = facts()
    written = files(cluster, 0)
    kubeadm = documents(written["/etc/kubernetes-node/kubeadm.yaml"])
    assert kubeadm["InitConfiguration"]["bootstrapTokens"][0]["token"] == cluster.pki.token
    assert kubeadm["ClusterConfiguration"]["controlPlaneEndpoint"] == "10.0.0.4:6443"
    assert "@api-address@" in kubeadm["ClusterConfiguration"]["apiServer"]["certSANs"]
    assert kubeadm["ClusterConfiguration"]["etcd"]["local"]["extraArgs"] == [
        {"name": "unsafe-no-fsync", "value": "true"}
    ]
    kubelet = kubeadm["KubeletConfiguration"]
    assert kubelet["failCgroupV1"] is False
    assert kubelet["evictionHard"] == {"nodefs.available": "0%"}
    assert written["/etc/kubernetes/pki/ca.key"]["content"] == cluster.pki.cluster.pem.private


def test_worker_joins_by_file_and_token() -> None:
    cluster = facts()
    written = files(cluster, 1)
    join = documents(written["/etc/kubernetes-node/kubeadm.yaml"])["JoinConfiguration"]
    assert join["discovery"]["tlsBootstrapToken"] == cluster.pki.token
    assert "controlPlane" not in join
    discovery = json.loads(written["/etc/kubernetes-node/discovery.conf"]["content"])
    assert discovery["clusters"][0]["cluster"]["server"] == "https://10.0.0.4:6443"
    assert not [path for path in written if path.startswith("/etc/kubernetes/pki")]


def test_second_control_plane_joins_with_the_authorities() -> None:
    written = files(facts(control_planes=3), 1)
    assert "controlPlane" in documents(written["/etc/kubernetes-node/kubeadm.yaml"])["JoinConfiguration"]
    assert "/etc/kubernetes/pki/etcd/ca.key" in written


@pytest.mark.parametrize("index", [0, 1])
def test_secrets_are_readable_by_root_only(index: int) -> None:
    cluster = facts(FETCHED)
    secrets = [cluster.pki.token, "SIGNATURE", "PRIVATE KEY"]
    for path, file in files(cluster, index).items():
        if any(secret in file["content"] for secret in secrets):
            assert not int(file["permissions"], 8) & (stat.S_IRWXG | stat.S_IRWXO), path


def test_configuration_files_parse() -> None:
    written = files(facts(), 0)
    tomllib.loads(written["/etc/containerd/config.toml"]["content"])
    tomllib.loads(written["/etc/containerd/certs.d/_default/hosts.toml"]["content"])
    azure = json.loads(written["/etc/kubernetes/azure.json"]["content"])
    assert azure["resourceManagerEndpoint"] == "http://168.63.129.16:8080"
    network = json.loads(written["/etc/containerd/pod-network.conflist"]["content"])
    assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "{{.PodCIDR}}"}]]
    kinds = [
        item["kind"] for item in yaml.safe_load_all(written["/etc/kubernetes-node/cloud-provider.yaml"]["content"])
    ]
    assert {"Deployment", "DaemonSet", "RoleBinding"} <= set(kinds)


def test_machine_without_managed_image_fetches_and_checks_the_build() -> None:
    cluster = facts(FETCHED)
    document = yaml.safe_load(user_data(cluster, cluster.names.nodes[1]))
    assert "runc" in document["packages"]
    assert "containerd" not in document["packages"], "the build brings its own"
    written = {file["path"]: file["content"] for file in document["write_files"]}
    assert "ExecStart=/usr/bin/containerd\n" in written["/etc/systemd/system/containerd.service"]
    assert "SIGNATURE" in written["/etc/kubernetes-node/bundle.curl"]
    assert FETCHED.bundle_sha256 in written["/usr/local/sbin/prepare-node"]
    assert "SIGNATURE" not in written["/usr/local/sbin/prepare-node"]


def test_kubelet_is_not_told_what_it_does_not_know() -> None:
    assert "failCgroupV1" not in kubelet_configuration("v1.30.4", {})
    assert "enableSystemLogQuery" not in kubelet_configuration("v1.35.4", {}), "behind a feature gate until 1.36"
    assert kubelet_configuration("v1.36.1", {})["enableSystemLogQuery"] is True
    assert kubelet_configuration("v1.31.0-alpha.1", {})["failCgroupV1"] is False


def test_waits_are_shortened_only_where_they_may_be() -> None:
    def apiserver(cluster: ClusterFacts) -> Any:
        kubeadm = documents(files(cluster, 0)["/etc/kubernetes-node/kubeadm.yaml"])
        return kubeadm["ClusterConfiguration"]["apiServer"]["extraArgs"], kubeadm["KubeletConfiguration"]

    flags, kubelet = apiserver(facts(waits=waits("auto", usual=True)))
    assert flags == [{"name": "etcd-compaction-interval", "value": "1m"}]
    assert kubelet["fileCheckFrequency"] == "10s"
    assert kubelet["evictionHard"] == {"nodefs.available": "0%"}
    for upstream in (waits("auto", usual=False), waits("upstream", usual=True)):
        flags, kubelet = apiserver(facts(waits=upstream))
        assert flags == []
        assert "fileCheckFrequency" not in kubelet
    assert waits("short", usual=False).listed()["kube-apiserver --etcd-compaction-interval"] == "1m"


@pytest.mark.parametrize(
    ("patience", "control_plane", "api_call"), [(1, "4m", ["1m", "5m"]), (20, "80m", ["20m", "100m"])]
)
def test_kubeadm_waits_longer_on_a_slow_host(patience: int, control_plane: str, api_call: list[str]) -> None:
    cluster = facts(patience=patience)
    kinds = ("InitConfiguration", "JoinConfiguration")
    made = [files(cluster, index) for index in (0, 1)]
    limits = [
        documents(item["/etc/kubernetes-node/kubeadm.yaml"])[kind]["timeouts"]
        for item, kind in zip(made, kinds, strict=True)
    ]
    assert [limit["controlPlaneComponentHealthCheck"] for limit in limits] == [control_plane] * 2
    assert [limit["kubernetesAPICall"] for limit in limits] == api_call
    patch = made[0]["/etc/kubernetes-node/patches/kube-apiserver+strategic.yaml"]["content"]
    container = yaml.safe_load(patch)["spec"]["containers"][0]
    assert container["livenessProbe"] == {"timeoutSeconds": 15 * patience}
    assert container["startupProbe"]["failureThreshold"] == 240 * patience
    unit = made[0]["/etc/systemd/system/kubernetes-node.service"]["content"]
    assert f"TimeoutStartSec={20 * patience}min\n" in unit
