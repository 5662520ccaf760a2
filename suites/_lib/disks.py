"""Azure data disks: made, attached to a machine, detached and deleted through ARM, as a person would do it by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.compute.models import CreationData, DataDisk, Disk, DiskProperties, DiskSku, ManagedDiskParameters

from harness.clusters.api import Cluster


@contextlib.contextmanager
def data_disk(compute: Any, cluster: Cluster, name: str, *, gib: int = 1) -> Iterator[Any]:
    """An empty managed disk of the cluster's resource group; its deletion is verified."""
    wanted = Disk(
        location=cluster.location,
        tags={"harness-run": cluster.run},
        sku=DiskSku(name="StandardSSD_LRS"),
        properties=DiskProperties(creation_data=CreationData(create_option="Empty"), disk_size_gb=gib),
    )
    disk = compute.disks.begin_create_or_update(cluster.group, name, wanted).result()
    try:
        yield disk
    finally:
        compute.disks.begin_delete(cluster.group, name).result()
    assert not exists(compute, cluster, name), f"disk {name} is still there after its deletion ended"


def exists(compute: Any, cluster: Cluster, name: str) -> bool:
    """Whether ARM knows the disk."""
    try:
        compute.disks.get(cluster.group, name)
    except ResourceNotFoundError:
        return False
    return True


def attach(compute: Any, cluster: Cluster, machine: str, disk: Any) -> int:
    """Attach a disk by a PUT of its machine; returns the LUN it got."""
    vm = compute.virtual_machines.get(cluster.group, machine)
    disks = list(vm.storage_profile.data_disks or [])
    lun = next(lun for lun in range(64) if lun not in {each.lun for each in disks})
    added = DataDisk(lun=lun, name=disk.name, create_option="Attach", managed_disk=ManagedDiskParameters(id=disk.id))
    vm.storage_profile.data_disks = [*disks, added]
    compute.virtual_machines.begin_create_or_update(cluster.group, machine, vm).result()
    return lun


def detach(compute: Any, cluster: Cluster, machine: str, disk: Any) -> None:
    """Detach a disk by a PUT of its machine; nothing happens when it is not attached there."""
    vm = compute.virtual_machines.get(cluster.group, machine)
    disks = list(vm.storage_profile.data_disks or [])
    leaving = [each for each in disks if each.managed_disk and each.managed_disk.id.lower() == disk.id.lower()]
    if not leaving:
        return
    for each in leaving:
        each.to_be_detached = True
    compute.virtual_machines.begin_create_or_update(cluster.group, machine, vm).result()


@contextlib.contextmanager
def attached(compute: Any, cluster: Cluster, machine: str, disk: Any) -> Iterator[str]:
    """A disk attached to a machine for a while; yields its path there."""
    lun = attach(compute, cluster, machine, disk)
    try:
        yield f"/dev/disk/azure/scsi1/lun{lun}"
    finally:
        detach(compute, cluster, machine, disk)
