"""kubeadm on machines of an ARM template: the harness' own way to a cluster, identical on both clouds.

Nothing waits that need not: certificates and the bootstrap token are made before the deployment, all machines boot at once,
workers are ready to join before the API server answers, and the cloud provider is created the moment it does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.clouds.api import Cloud, NodeProfile
from harness.clouds.room import Demand
from harness.clusters.api import Cluster
from harness.clusters.diagnostics import collect
from harness.clusters.machines import concerned, evidence, steps
from harness.clusters.readiness import is_ready, wait_ready
from harness.clusters.standstill import Standstill
from harness.deployers.api import ClusterRequest, Recorder
from harness.deployers.kubeadm.cloudinit import ClusterFacts, minor, user_data
from harness.deployers.kubeadm.images import find_images
from harness.deployers.kubeadm.kubeconfig import kubeconfig
from harness.deployers.kubeadm.names import API_PORT, MOST_NODES, NETWORK, PODS, SERVICES, SUBNET, Names, names
from harness.deployers.kubeadm.pki import ClusterPki, make_pki, make_ssh_key
from harness.deployers.kubeadm.waits import waits
from harness.errors import CloudError, DeployError, UsageError
from harness.settings import Settings, duration

_OLDEST_MINOR = 31
"""kubeadm.k8s.io/v1beta4 came with 1.31."""
_SERVICES = 4
"""Services with a public address at the same time: the limit of the LoadBalancer suite."""
_TEMPLATE = Path(__file__).with_name("template.json")


class KubeadmDeployer:
    """Found by the entry point ``kubeadm``."""

    name = "kubeadm"

    def __init__(self, settings: Settings, cloud: Cloud) -> None:
        self._settings = settings
        self._cloud = cloud

    def validate(self, request: ClusterRequest) -> None:
        """Raise ``UsageError`` for what can be known to fail."""
        attempted = f"plan the cluster of {request.cell}"
        try:
            known = minor(request.build.version) >= _OLDEST_MINOR
        except ValueError:
            known = False
        if not known:
            raise UsageError(
                attempted,
                last_seen=f"Kubernetes {request.build.version}",
                hint=f"the kubeadm deployer knows v1.{_OLDEST_MINOR}.0 and later",
            )
        if request.control_planes < 1 or request.workers < 0:
            raise UsageError(
                attempted,
                last_seen=f"{request.control_planes} control planes, {request.workers} workers",
                hint="at least one control plane is needed",
            )
        if request.control_planes + request.workers > MOST_NODES:
            raise UsageError(attempted, hint=f"{SUBNET} has room for {MOST_NODES} machines")
        if request.location not in self._cloud.locations():
            raise UsageError(
                attempted,
                last_seen=f"unknown location {request.location!r}",
                hint="allowed: " + ", ".join(sorted(self._cloud.locations())),
            )

    def demand(self, request: ClusterRequest) -> Demand:
        """Its machines; an address for the API server, and one for each LoadBalancer Service at a time."""
        return Demand(request.control_planes + request.workers, 1 + _SERVICES)

    def up(self, request: ClusterRequest, recorder: Recorder) -> Cluster:
        """Create everything, wait until ready and held; ``DeployError`` or a cloud error carries the evidence."""
        started = time.monotonic()

        def progress(text: str) -> None:
            recorder.progress(f"{time.monotonic() - started:6.1f} s  {text}")

        request.folder.mkdir(parents=True, exist_ok=True)
        wanted = names(request.group, request.control_planes, request.workers)
        pki = make_pki(datetime.now(UTC))
        recorder.creating("resourceGroup", request.group, cloud=self._cloud.name, location=request.location)
        self._cloud.create_group(request.group, request.location, request.tags)
        profile = self._cloud.node_profile(request.build, request.location, request.group, request.deadline)
        progress(f"resource group {request.group} and node image are there")
        begun = time.monotonic()
        parameters = self._parameters(request, wanted, pki, profile)
        outputs = self._cloud.deploy(request.group, "cluster", _template(request), parameters, request.deadline)
        progress(f"deployment succeeded: {len(wanted.nodes)} machines run")
        cluster = self._cluster(request, wanted, pki, profile, str(outputs["apiAddress"]))
        timings = {"deployment": time.monotonic() - begun}
        with recorder.phase("readiness"):
            timings |= self._wait(cluster, request, progress, begun)
        (request.folder / "timings.json").write_text(json.dumps(timings, indent=1) + "\n")
        return cluster

    def is_up(self, cluster: Cluster) -> bool:
        return is_ready(cluster, self._settings.patience)

    def collect(self, request: ClusterRequest, folder: Path, deadline: datetime) -> None:
        """Serial consoles and journals through the cloud first, then what the API knows."""
        wanted = names(request.group, request.control_planes, request.workers)
        path = request.folder / "kubeconfig"
        collect(self._cloud, request.group, wanted.nodes, path, folder, deadline, request.secrets)

    def down(self, group: str, deadline: datetime) -> None:
        """Delete the resource group and prove it gone."""
        self._cloud.delete_group(group, deadline)

    def _wait(self, cluster: Cluster, request: ClusterRequest, progress: Any, begun: float) -> dict[str, float]:
        try:
            hold, patience = duration(self._settings.hold), self._settings.patience
            still = Standstill(
                duration(self._settings.standstill) * patience,
                lambda: steps(self._cloud, request.group, cluster.nodes),
            )
            return wait_ready(cluster, request.deadline, hold, progress, begun, patience=patience, standstill=still)
        except DeployError as error:
            if not error.log_tail:
                found = concerned(cluster.nodes, error.last_seen)
                error.log_tail = evidence(self._cloud, request.group, found)
                error.hint = f"see {', '.join(f'{node.name}/console.log' for node in found)} in the cell's logs folder"
            raise

    def _parameters(
        self, request: ClusterRequest, wanted: Names, pki: ClusterPki, profile: NodeProfile
    ) -> Mapping[str, Any]:
        facts = ClusterFacts(
            names=wanted,
            pki=pki,
            profile=profile,
            waits=waits(self._settings.waits, profile.short_waits),
            version=request.build.version,
            subscription=self._cloud.subscription,
            group=request.group,
            location=request.location,
            images=find_images(request.build),
            patience=self._settings.patience,
        )
        ssh = make_ssh_key()
        _write_secret(request.folder / "ssh-key", ssh.private)
        items = [
            {
                "name": node.name,
                "address": node.address,
                "controlPlane": node.role == "control-plane",
                "userData": user_data(facts, node),
            }
            for node in wanted.nodes
        ]
        return {
            "location": request.location,
            "tags": dict(request.tags),
            "prefix": wanted.prefix,
            "networkPrefix": str(NETWORK),
            "subnetPrefix": str(SUBNET),
            "vmSize": profile.vm_size,
            "imageReference": dict(profile.image_reference),
            "sshPublicKey": ssh.public,
            "nodes": {"items": items},
        }

    def _cluster(
        self, request: ClusterRequest, wanted: Names, pki: ClusterPki, profile: NodeProfile, address: str
    ) -> Cluster:
        if not address:
            raise CloudError(f"deploy {request.group}", last_seen="the deployment's output apiAddress is empty")
        server = f"https://{address}:{API_PORT}"
        admin = pki.cluster.client("harness", "system:masters", datetime.now(UTC))
        path = request.folder / "kubeconfig"
        _write_secret(path, kubeconfig(server, pki.cluster.pem.public, admin))
        return Cluster(
            run=request.run,
            cell=request.cell,
            version=request.build.version,
            cloud=self._cloud.name,
            location=request.location,
            group=request.group,
            server=server,
            kubeconfig=path,
            build=request.build.folder,
            nodes=wanted.nodes,
            pod_cidr=str(PODS),
            service_cidr=str(SERVICES),
            network=wanted.network,
            subnet=wanted.subnet,
            route_table=wanted.route_table,
            security_group=wanted.security_group,
            deviations={
                **waits(self._settings.waits, profile.short_waits).listed(),
                **{f"etcd --{name}": value for name, value in profile.etcd_arguments.items()},
            },
        )


def _template(request: ClusterRequest) -> Mapping[str, Any]:
    text = _TEMPLATE.read_text()
    (request.folder / "template.json").write_text(text)
    template: dict[str, Any] = json.loads(text)
    return template


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
