"""Azure data disks as volumes: a PersistentVolume on a disk keeps its data, whatever happens to pods and to the machine.

There is no CSI driver here: the disk is attached through ARM, and a PersistentVolume of type ``local`` on its block device lets kubelet
make the file system and mount it, so that everything from ARM to the pod's files is real.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from harness.clusters.api import Cluster
from harness.plugin.azure import AzureView
from suites._lib.disks import attach, attached, data_disk, detach
from suites._lib.inside import Peer
from suites._lib.machines import restart
from suites._lib.waiting import NotYet, wait_for
from suites._lib.workloads import Workloads

GIB = 1024**3


@pytest.mark.exclusive
def test_a_volume_on_a_data_disk_keeps_its_data(workloads: Workloads, cluster: Cluster, azure: AzureView) -> None:
    """Write, delete the pod, read in another one, restart the machine, read again."""
    node = cluster.workers[-1]
    name = f"{workloads.namespace}-data"
    with (
        _settled_afterwards(workloads),
        data_disk(azure.cloud.compute, cluster, name) as disk,
        attached(azure.cloud.compute, cluster, node.name, disk) as device,
        _volume(workloads, name, device, node.name),
    ):
        pod = _user(workloads, "writer", name)
        _assert_is_the_disk(workloads, pod)
        written = workloads.inside.shell(
            pod, "head -c 16777216 /dev/urandom > /data/blob && sync && sha256sum < /data/blob"
        )
        workloads.delete_pod("writer")

        pod = _user(workloads, "reader", name)
        assert workloads.inside.shell(pod, "sha256sum < /data/blob") == written, "after the pod was deleted"

        restart(azure.cloud.compute, cluster, node.name)
        pod = _restarted(workloads, "reader")
        _assert_is_the_disk(workloads, pod)
        assert workloads.inside.shell(pod, "sha256sum < /data/blob") == written, "after the machine was restarted"


def test_an_attached_disk_is_a_device_and_protected(workloads: Workloads, cluster: Cluster, azure: AzureView) -> None:
    """Attaching makes the device, an attached disk can be neither deleted nor attached elsewhere, detaching takes it away."""
    first, *others = (node.name for node in cluster.workers)
    look = _machine(workloads, "look", first)
    with data_disk(azure.cloud.compute, cluster, f"{workloads.namespace}-hot", gib=2) as disk:
        with attached(azure.cloud.compute, cluster, first, disk) as device:
            size = f"chroot /host blockdev --getsize64 {device}"
            assert int(workloads.inside.shell(look, size)) == 2 * GIB
            taken = azure.cloud.compute.disks.get(cluster.group, disk.name)
            assert (taken.managed_by or "").lower().endswith(f"/virtualmachines/{first.lower()}")
            assert taken.disk_state == "Attached"
            with pytest.raises(HttpResponseError) as refused:
                azure.cloud.compute.disks.begin_delete(cluster.group, disk.name).result()
            assert refused.value.status_code == 409
            for other in others[:1]:
                with pytest.raises(HttpResponseError) as refused:
                    attach(azure.cloud.compute, cluster, other, disk)
                assert refused.value.status_code in (400, 409)
                detach(azure.cloud.compute, cluster, other, disk)
        gone = f"chroot /host test -e {device} && echo there || echo gone"
        wait_for(f"{device} to leave {first}", lambda: _expect(workloads.inside.shell(look, gone).strip(), "gone"), 30)
        assert not azure.cloud.compute.disks.get(cluster.group, disk.name).managed_by


def _machine(workloads: Workloads, name: str, node: str) -> Peer:
    """A pod that sees the machine's own files below /host."""
    container = workloads.container(
        securityContext={"privileged": True}, volumeMounts=[{"name": "host", "mountPath": "/host"}]
    )
    volumes = [{"name": "host", "hostPath": {"path": "/"}}]
    return workloads.pod(name, container=container, volumes=volumes, nodeName=node, hostPID=True)


def _user(workloads: Workloads, name: str, claim: str) -> Peer:
    """A pod that mounts the claim at /data."""
    container = workloads.container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return workloads.pod(name, container=container, volumes=volumes)


@contextlib.contextmanager
def _volume(workloads: Workloads, name: str, device: str, node: str) -> Iterator[None]:
    """A PersistentVolume on a block device of one node, with a claim bound to it.

    Unmounted when this ends, so that the disk can be detached; not when the test has failed, since the node may be in any state.
    """
    core = workloads.core
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": name, "volumeMode": "Filesystem"}
    core.create_persistent_volume(
        {
            "metadata": {"name": name},
            "spec": {
                **common,
                "capacity": {"storage": "1Gi"},
                "persistentVolumeReclaimPolicy": "Retain",
                "local": {"path": device, "fsType": "ext4"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
            },
        }
    )
    claim = {**common, "volumeName": name, "resources": {"requests": {"storage": "1Gi"}}}
    core.create_namespaced_persistent_volume_claim(workloads.namespace, {"metadata": {"name": name}, "spec": claim})
    try:
        yield
        for pod in core.list_namespaced_pod(workloads.namespace).items:
            workloads.delete_pod(pod.metadata.name)
        look = _machine(workloads, "unmounted", node)
        count = f"grep -c {name} /proc/1/mounts || true"
        wait_for(f"{node} to unmount {name}", lambda: _expect(workloads.inside.shell(look, count).strip(), "0"), 60)
        workloads.delete_pod("unmounted")
    finally:
        core.delete_namespaced_persistent_volume_claim(name, workloads.namespace)
        core.delete_persistent_volume(name)


def _assert_is_the_disk(workloads: Workloads, pod: Peer) -> None:
    """What is mounted at /data is a file system of the disk's size, not a folder of the node's own disk."""
    blocks = int(workloads.inside.shell(pod, "df -kP /data | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2"))
    assert 0.85 * GIB < blocks * 1024 <= GIB, f"/data is a file system of {blocks} KiB"


def _restarted(workloads: Workloads, name: str) -> Peer:
    """The pod once its container runs again after its machine was restarted."""

    def probe() -> None:
        pod = workloads.core.read_namespaced_pod(name, workloads.namespace)
        statuses = pod.status.container_statuses
        if not statuses or not statuses[0].restart_count or not statuses[0].ready:
            node = workloads.core.read_node(pod.spec.node_name)
            ready = next((each for each in node.status.conditions or [] if each.type == "Ready"), None)
            restarts = statuses[0].restart_count if statuses else "none"
            raise NotYet(f"restarts: {restarts}; node {node.metadata.name}: {ready.message if ready else 'no status'}")

    wait_for(f"pod {name} to run again after the restart of its machine", probe, 240)
    return workloads.ready(name, 1)[0]


@contextlib.contextmanager
def _settled_afterwards(workloads: Workloads) -> Iterator[None]:
    """Wait in the end until every node and every pod of kube-system is ready, for the tests that follow."""
    yield

    def probe() -> None:
        unready = [
            f"node {node.metadata.name}"
            for node in workloads.core.list_node().items
            if not _ready(node.status.conditions)
        ]
        unready += [
            f"pod {pod.metadata.name}"
            for pod in workloads.core.list_namespaced_pod("kube-system").items
            if not _ready(pod.status.conditions)
        ]
        if unready:
            raise NotYet(f"not ready: {', '.join(unready)}")

    wait_for("nodes and kube-system to be ready again", probe, 180)


def _ready(conditions: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in conditions or [])


def _expect(seen: str, wanted: str) -> None:
    if seen != wanted:
        raise NotYet(f"saw {seen!r}")
