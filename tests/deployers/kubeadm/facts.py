"""Facts of a small cluster, for tests of what is rendered from them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from harness.clouds.api import NodeProfile
from harness.deployers.kubeadm.cloudinit import ClusterFacts, Images
from harness.deployers.kubeadm.names import names
from harness.deployers.kubeadm.pki import make_pki
from harness.deployers.kubeadm.waits import Waits

PREBUILT = NodeProfile(
    image_reference={"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/k"},
    prebuilt=True,
    registry_mirror="http://168.63.129.16:5000",
    arm_endpoint="http://168.63.129.16:8080",
    tenant="adfs",
    kubelet_overrides={"imageGCHighThresholdPercent": 100, "evictionHard": {"nodefs.available": "0%"}},
    etcd_arguments={"unsafe-no-fsync": "true"},
)
FETCHED = NodeProfile(
    image_reference={"publisher": "Debian", "offer": "debian-12", "sku": "12-gen2", "version": "latest"},
    prebuilt=False,
    bundle_url="https://account.blob.core.windows.net/c/b?sig=SIGNATURE",
    bundle_sha256="ab" * 32,
    tenant="tenant",
)


def facts(profile: NodeProfile = PREBUILT, *, control_planes: int = 1, **changes: Any) -> ClusterFacts:
    made = ClusterFacts(
        names=names("harness-test-1", control_planes, 2),
        pki=make_pki(datetime.now(UTC)),
        profile=profile,
        waits=Waits(),
        version="v1.37.2",
        subscription="00000000-0000-0000-0000-000000000001",
        group="harness-test-1",
        location="westeurope",
        images=Images("registry.k8s.io/pause:3.10.2", "mcr/azure-cloud-controller-manager:v1", "mcr/cnm:v1"),
    )
    return dataclasses.replace(made, **changes)
