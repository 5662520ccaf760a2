"""Makes a cluster again what it was when it became ready, so that tests find nothing of others that were killed.

What a killed test leaves can fail any other: a webhook whose server is gone, an API service that does not answer (namespaces then
never end), a taint on a node. Resources in the cloud go with the Services and volumes that they are of; nothing is deleted there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from kubernetes import client

from harness.clouds.api import Cloud
from harness.clusters.api import Cluster
from harness.clusters.kube import UNREACHABLE, change, describe, items, open_client
from harness.clusters.leftovers.api import OWN, Baseline, Thing
from harness.clusters.leftovers.compare import beyond, look

LIMIT = 120.0
"""Seconds: pods get 30 to end, and a cloud provider as long again for each load balancer."""
_POLL = 1.0
_FIRST = frozenset(
    {
        "APIService",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "MutatingAdmissionPolicyBinding",
        "ValidatingAdmissionPolicyBinding",
    }
)
"""Kinds that can keep others from being deleted."""
_OWN_TAINTS = ("node-role.kubernetes.io/", "node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Prefixes of the taints that Kubernetes sets and takes away by itself."""


def restore(
    cloud: Cloud,
    cluster: Cluster,
    baseline: Baseline,
    limit: float = LIMIT,
    wait: Callable[[float], None] = time.sleep,
    whose: Callable[[Thing], bool] = lambda thing: True,
) -> tuple[str, ...]:
    """Delete what is there beyond the baseline, and let pods onto every node again.

    :param limit: seconds to wait until everything is gone.
    :param whose: which of these things nobody uses any more.
    :return: what is still there, or could not be asked for, a line each.
    """
    until = time.monotonic() + limit
    asked: set[str] = set()
    with closing(open_client(cluster.kubeconfig)) as api:
        problems = _free_nodes(api)
        while True:
            found = look(cloud, cluster)
            rest = [thing for thing in beyond(found, baseline) if whose(thing)]
            asked |= _delete(api, [thing for thing in rest if thing.path and thing.path not in asked])
            if not rest or time.monotonic() > until:
                return (*problems, *found.problems, *(f"{thing.kind} {thing.name}" for thing in rest))
            wait(_POLL)


def nobodys(thing: Thing) -> bool:
    """Whether no living process can count on this while no test has the cluster: workers keep namespaces of their own from test to test."""
    return not thing.cloud and OWN not in thing.words


def _delete(api: client.ApiClient, things: Sequence[Thing]) -> set[str]:
    """Ask for their deletion; return the paths of those that were accepted or are gone."""
    accepted = set()
    for thing in sorted(things, key=lambda thing: thing.kind not in _FIRST):
        try:
            change(api, "DELETE", thing.path, {"propagationPolicy": "Background"})
        except UNREACHABLE as error:
            if not (isinstance(error, client.ApiException) and error.status == 404):
                continue  # asked again at the next look
        accepted.add(thing.path)
    return accepted


def _free_nodes(api: client.ApiClient) -> list[str]:
    """Take away cordons and foreign taints; what went wrong, a sentence each."""
    problems = []
    try:
        nodes = items(client.CoreV1Api(api).list_node)
    except UNREACHABLE as error:
        return [f"nodes: {describe(error)}"]
    for node in nodes:
        if patch := _freed(node.get("spec", {})):
            try:
                change(api, "PATCH", f"/api/v1/nodes/{node['metadata']['name']}", {"spec": patch})
            except UNREACHABLE as error:
                problems.append(f"node {node['metadata']['name']}: {describe(error)}")
    return problems


def _freed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of a node's spec has to change, as a merge patch; taints are one list."""
    taints = spec.get("taints", [])
    kept = [taint for taint in taints if taint["key"].startswith(_OWN_TAINTS)]
    patch: dict[str, Any] = {"unschedulable": None} if spec.get("unschedulable") else {}
    return patch if len(kept) == len(taints) else {**patch, "taints": kept or None}
