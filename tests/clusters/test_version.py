"""Which version a cluster serves, and which e2e.test fits it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clusters.api import Cluster
from harness.clusters.version import same_version, served_version
from harness.errors import DeployError

from .api_server import serving_version


@pytest.mark.parametrize(
    ("cluster", "build", "same"),
    [
        ("v1.37.2", "v1.37.2", True),
        ("v1.37.2-gke.100", "v1.37.2", True),
        ("v1.37.2-eks-a1b2c3", "v1.37.2", True),
        ("v1.37.2+k3s1", "v1.37.2", True),
        ("v1.37.1", "v1.37.2", False),
        ("v1.37.20", "v1.37.2", False),
        ("v1.37.2-rc.1", "v1.37.2", False),
        ("v1.37.2-5+abcdef", "v1.37.2", False),
        ("v1.38.0-alpha.1.5+abcdef", "v1.38.0-alpha.1.5+abcdef", True),
        ("v1.38.0-alpha.1.6+fedcba", "v1.38.0-alpha.1.5+abcdef", False),
    ],
)
def test_a_vendors_suffix_does_not_count(cluster: str, build: str, same: bool) -> None:
    assert same_version(cluster, build) is same


def cluster(kubeconfig: Path) -> Cluster:
    return Cluster(
        "r", "c", "v1.37.2", "local", "westeurope", "g", "https://203.0.113.1:6443", kubeconfig, kubeconfig.parent, (),
        "", "", "", "", "", "",
    )  # fmt: skip


def test_the_server_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    assert served_version(cluster(path)) == "v1.37.2"
    with serving_version("v1.37.3", path):
        assert served_version(cluster(path)) == "v1.37.3"
    with pytest.raises(DeployError, match=r"ask cluster c for its version; last seen: .*; is it still there"):
        served_version(cluster(path))
