"""Fixtures that every suite's conftest takes over."""

from __future__ import annotations

import pytest
from kubernetes.client import ApiClient

from harness.clusters.api import Cluster
from suites._lib.images import agnhost
from suites._lib.workloads import Workloads


@pytest.fixture
def workloads(cluster: Cluster, kube: ApiClient, namespace: str) -> Workloads:
    """Makes workloads in the test's own namespace."""
    return Workloads(kube, namespace, agnhost(cluster.build))
