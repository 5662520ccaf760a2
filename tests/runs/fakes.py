"""A cloud whose resource groups are files, and a deployer on it: they survive a killed process, as real ones do.

What the deployer does is told by its environment-free settings: the location ``failing`` fails in its readiness, ``slow`` takes its time,
``stubborn`` does not let go of its group, ``narrow`` has room for one cluster.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.builds.api import Build, Resolved
from harness.clouds.api import Group
from harness.clouds.room import Room
from harness.clusters.api import Cluster
from harness.deployers.api import ClusterRequest, Recorder
from harness.errors import BuildError, DeployError, LeakError
from harness.ginkgo.api import EVERYTHING, SEED
from harness.settings import Settings


class FileCloud:
    """``<state>/groups/<name>.json`` is a resource group."""

    name = "local"

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.state / "groups"
        self.opened = settings.state / "opened"

    def __enter__(self) -> FileCloud:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def locations(self) -> Sequence[str]:
        return ("westeurope", "failing", "slow", "stubborn", "narrow")

    def survey(self, location: str, size: str) -> Room:
        return Room(location, size, 2, 6 if location == "narrow" else 600, 100)

    def register(self, progress: Any) -> None:
        progress("everything is registered")

    def create_group(self, name: str, location: str, tags: Mapping[str, str]) -> None:
        self._write(name, {"location": location, "tags": dict(tags)})

    def tag_group(self, name: str, tags: Mapping[str, str]) -> None:
        raw = json.loads((self.folder / f"{name}.json").read_text())
        self._write(name, {**raw, "tags": {**raw["tags"], **tags}})

    def _write(self, name: str, group: Mapping[str, Any]) -> None:
        fresh = self.folder / f"{name}.{os.getpid()}"
        fresh.write_text(json.dumps(group))
        fresh.replace(self.folder / f"{name}.json")  # whole or not at all: others list, and this process may be killed

    def untag_group(self, name: str, tag: str) -> None:
        """What a person does in the portal; the harness has no use for it."""
        path = self.folder / f"{name}.json"
        raw = json.loads(path.read_text())
        raw["tags"].pop(tag, None)
        self._write(name, raw)

    def delete_group(self, name: str, deadline: datetime) -> None:
        path = self.folder / f"{name}.json"
        if path.exists() and json.loads(path.read_text())["location"] == "stubborn":
            raise LeakError(f"delete {name}", last_seen="a lock")
        path.unlink(missing_ok=True)

    def groups(self, tags: Mapping[str, str]) -> Sequence[Group]:
        found = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                raw = json.loads(path.read_text())
            except FileNotFoundError:  # deleted by another thread or process since it was listed
                continue
            if all(raw["tags"].get(key) and value in ("", raw["tags"][key]) for key, value in tags.items()):
                found.append(Group(path.stem, raw["location"], raw["tags"], "Succeeded"))
        return found


def cluster_of(request: ClusterRequest) -> Cluster:
    """A cluster without nodes, as it was asked for."""
    return Cluster(
        run=request.run,
        cell=request.cell,
        version=request.build.version,
        cloud="local",
        location=request.location,
        group=request.group,
        server="https://203.0.113.1:6443",
        kubeconfig=request.folder / "kubeconfig",
        build=request.build.folder,
        nodes=(),
        pod_cidr="10.244.0.0/16",
        service_cidr="10.96.0.0/16",
        network="network",
        subnet="nodes",
        route_table="r",
        security_group="security",
    )


class FileDeployer:
    """Creates the group and says it is a cluster."""

    name = "kubeadm"

    def __init__(self, settings: Settings, cloud: Any) -> None:
        self.cloud: FileCloud = cloud

    def validate(self, request: ClusterRequest) -> None:
        return None

    def up(self, request: ClusterRequest, recorder: Recorder) -> Cluster:
        self.cloud.create_group(request.group, request.location, request.tags)
        if request.location == "slow":
            for second in range(600):
                recorder.progress(f"waiting, {second}")
                time.sleep(0.05)
        with recorder.phase("readiness"):
            if request.location == "failing":
                raise DeployError("wait for nodes", awaited="3 nodes Ready", last_seen="2", log_tail="kubelet: no")
        return cluster_of(request)

    def is_up(self, cluster: Cluster) -> bool:
        return any(group.name == cluster.group for group in self.cloud.groups({}))

    def collect(self, request: ClusterRequest, folder: Path, deadline: datetime) -> None:
        (folder / "console.log").write_text("kubelet: no")

    def down(self, group: str, deadline: datetime) -> None:
        self.cloud.delete_group(group, deadline)


class FileBuilder:
    """Every source is built already, but for ``module:v0.0.0``, which does not compile."""

    def __init__(self, settings: Settings) -> None:
        self.cache = settings.cache

    def resolve(self, source: str) -> Resolved:
        scheme, _, reference = source.partition(":")
        return Resolved(scheme, reference, reference)

    def find(self, source: str) -> Build | None:
        return Build(self.cache, source, source.partition(":")[2], "key")

    def build(self, source: str, progress: Any) -> Build:
        progress(f"building {source}")
        if source == "module:v0.0.0":
            raise BuildError(f"build {source}", last_seen="undefined: x", log_tail="a.go:1: undefined: x")
        self.cache.mkdir(parents=True, exist_ok=True)
        (self.cache / "inventory.json").write_text(json.dumps({"seed": SEED, "filter": EVERYTHING, "specs": []}))
        return Build(self.cache, source, source.partition(":")[2], "key")


class AnyVersion:
    """Resolves to whatever was asked for."""

    scheme = "module"

    def __init__(self, surroundings: Any) -> None:
        return None

    def resolve(self, reference: str) -> Resolved:
        return Resolved("module", reference, reference)
