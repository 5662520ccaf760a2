"""Which Kubernetes a cluster serves, and whether an e2e.test fits it: specs of another version fail for reasons that are nobody's fault."""

from __future__ import annotations

import re
from contextlib import closing

from kubernetes import client

from harness.clusters.api import Cluster
from harness.clusters.kube import UNREACHABLE, describe, limits, open_client
from harness.errors import DeployError

_VENDORS = re.compile(r"-(?!alpha|beta|rc)[a-z][\w.-]*(\+.*)?$|\+.*$", re.IGNORECASE)
"""What vendors append to a release: ``v1.37.2-gke.100``, ``v1.37.2+k3s1``; ``-5+abc`` is five commits later, and another version."""


def served_version(cluster: Cluster) -> str:
    """What its API server says now, or cluster.json where a deployer left no kubeconfig; raises ``DeployError`` if it does not answer."""
    if not cluster.kubeconfig.is_file():
        return cluster.version
    try:
        with closing(open_client(cluster.kubeconfig)) as api:
            return str(client.VersionApi(api).get_code(_request_timeout=limits()).git_version)
    except UNREACHABLE as error:
        raise DeployError(
            f"ask cluster {cluster.cell} for its version",
            last_seen=describe(error),
            hint=f"is it still there? harness status --run {cluster.run}",
        ) from error


def same_version(cluster: str, build: str) -> bool:
    """Whether a cluster of this version is what a build of that version tests; a vendor's suffix to a release does not count."""
    return cluster == build or (bool(re.fullmatch(r"v\d+\.\d+\.\d+", build)) and _VENDORS.sub("", cluster) == build)
