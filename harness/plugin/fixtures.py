"""Fixtures for suites: a cluster, its API, a namespace of one's own, and what Azure says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from harness.clusters.api import Cluster
from harness.plugin.context import context_of
from harness.plugin.failing import NAMESPACE, has_failed, noted
from harness.plugin.namespaces import Namespaces
from harness.plugin.process import process_of

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from harness.plugin.azure import AzureView


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster under test, ready; with several cells, each in turn. Taken from the run's ledger: workers create nothing."""
    context = context_of(request.config)
    if context is None:
        pytest.fail("the fixture cluster exists only for tests under suites/", pytrace=False)
    cell: str = getattr(request, "param", "") or context.cells[0].name
    return process_of(request.config).cluster(cell)


@pytest.fixture(scope="session")
def kube(cluster: Cluster) -> Iterator[ApiClient]:
    """The official Kubernetes client for this cluster; no process-wide default is set (kubernetes-client/python#496)."""
    from harness.clusters.kube import open_client

    with closing(open_client(cluster.kubeconfig, patient=True)) as client:
        yield client


@pytest.fixture
def namespace(request: pytest.FixtureRequest, cluster: Cluster, kube: ApiClient) -> Iterator[str]:
    """Name of a new namespace; deleted afterwards, while the next test runs. One that does not go away is reported at the end.

    That of a test that failed is deleted when the evidence in it has been read (:mod:`harness.plugin.diagnosis`).
    """
    namespaces = Namespaces.of(process_of(request.config), cluster.cell, kube)
    name = namespaces.create(request.node.nodeid)
    with noted(request.node, NAMESPACE, name):
        yield name
    if not has_failed(request.node):
        namespaces.delete(name, request.node.nodeid)


@pytest.fixture(scope="session")
def azure(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[AzureView]:
    """The cluster's resource group as ARM shows it."""
    from harness.plugin.azure import AzureView
    from harness.runs.parts import Parts

    context = context_of(request.config)
    assert context is not None
    parts: Parts = request.config.hook.pytest_harness_parts(config=request.config) or Parts()
    with parts.cloud(cluster.cloud)(context.settings) as cloud:
        yield AzureView(cloud, cluster)
