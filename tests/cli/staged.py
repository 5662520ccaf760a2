"""A builder and a deployer that stop at each phase of a run until told to go on, on local Azure over a fabric that only records.

Copied into a project's site folder, where entry points find it. ARM, the SDK, the server process and everything of the harness are
real; only machines are not. The folder named by ``STAGES`` holds ``stop-at`` (phases, one a line), and gets ``at-<phase>``;
``go-<phase>`` lets it go on.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from fakes import FileBuilder, cluster_of

from harness.builds.api import Build
from harness.clouds.local import LocalCloud
from harness.clusters.api import Cluster
from harness.deployers.api import ClusterRequest, Recorder
from harness.settings import Settings

FABRIC = ("--fabric", "recording_fabric:FakeFabric")
SILENT = "STAGED_SILENT"
"""Environment variable with which nothing here prints: what it holds is printed past pytest."""
_LONGEST = 120.0
_TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [
        {
            "type": "Microsoft.Network/virtualNetworks",
            "apiVersion": "2025-05-01",
            "name": "network",
            "location": "westeurope",
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "nodes", "properties": {"addressPrefix": "10.0.0.0/24"}}],
            },
        },
        {
            "type": "Microsoft.Network/networkSecurityGroups",
            "apiVersion": "2025-05-01",
            "name": "security",
            "location": "westeurope",
            "properties": {},
        },
    ],
}


def gate(phase: str) -> None:
    """Stop here, if this is a phase to stop at."""
    if "STAGES" not in os.environ:  # a test that sweeps
        return
    folder = Path(os.environ["STAGES"])
    if phase not in (folder / "stop-at").read_text().split():
        return
    (folder / f"at-{phase}").touch()
    until = time.monotonic() + _LONGEST
    while not (folder / f"go-{phase}").exists() and time.monotonic() < until:
        time.sleep(0.02)


class StagedCloud:
    """Entry point ``local``: local Azure without what makes machine images."""

    name = "local"

    def __init__(self, settings: Settings) -> None:
        self._cloud = LocalCloud(settings, FABRIC)

    def __enter__(self) -> StagedCloud:
        self._cloud.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._cloud.__exit__(*exc)

    def __getattr__(self, name: str) -> Any:
        if name in ("stage", "node_profile"):
            raise AttributeError(name)
        return getattr(self._cloud, name)


class StagedBuilder(FileBuilder):
    """Everything is built already, after a stop."""

    def build(self, source: str, progress: Any) -> Build:
        gate("build")
        return super().build(source, progress)


class StagedDeployer:
    """Entry point ``kubeadm``: a resource group with a network in it, by a template deployment."""

    name = "kubeadm"

    def __init__(self, settings: Settings, opened: StagedCloud) -> None:
        self.cloud = opened

    def validate(self, request: ClusterRequest) -> None:
        return None

    def up(self, request: ClusterRequest, recorder: Recorder) -> Cluster:
        self.cloud.create_group(request.group, request.location, request.tags)
        gate("deploying")
        self.cloud.deploy(request.group, "cluster", _TEMPLATE, {}, request.deadline)
        recorder.progress("deployed")
        gate("joining")
        with recorder.phase("readiness"):
            gate("readiness")
        return cluster_of(request)

    def is_up(self, cluster: Cluster) -> bool:
        return True

    def collect(self, request: ClusterRequest, folder: Path, deadline: datetime) -> None:
        gate("collecting")
        (folder / "console.log").write_text("kubelet: no")

    def down(self, group: str, deadline: datetime) -> None:
        gate("deleting")
        if SILENT not in os.environ:
            print(f"{Path(sys.argv[0]).stem} deletes with {os.environ.get('JENKINS_API_TOKEN')}", flush=True)
        self.cloud.delete_group(group, deadline)
