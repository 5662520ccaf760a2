"""What is still wrong with a cluster, as sentences; an empty answer means ready.

Pure functions over the API's JSON, so that what counts as ready can be read and tested without a cluster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]

_TAINTS = (
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/network-unavailable",
    "node.cloudprovider.kubernetes.io/uninitialized",
)
"""Taints that keep ordinary pods away until a controller takes them off."""
_BROKEN = frozenset(
    {"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "RunContainerError"}
)


@dataclass(frozen=True)
class Snapshot:
    """What the API server said, at one moment."""

    nodes: Sequence[Json] = ()
    pods: Sequence[Json] = ()
    """Of kube-system."""
    deployments: Sequence[Json] = ()
    daemonsets: Sequence[Json] = ()
    probe: Json = field(default_factory=dict)
    """The DaemonSet that tries DNS and a Service from every node."""


def node_problems(nodes: Sequence[Json], expected: Sequence[str]) -> Iterator[str]:
    """Expected nodes that are missing, not Ready, or closed to ordinary pods."""
    found = {node["metadata"]["name"]: node for node in nodes}
    for name in expected:
        node = found.get(name)
        if node is None:
            yield f"node {name} has not joined"
            continue
        conditions = {item["type"]: item for item in node.get("status", {}).get("conditions", ())}
        ready = conditions.get("Ready")
        if ready is None or ready["status"] != "True":
            yield f"node {name} is not Ready: {_reason(ready)}"
            continue
        network = conditions.get("NetworkUnavailable")
        if network is not None and network["status"] == "True":
            yield f"node {name} has no route yet: {_reason(network)}"
            continue
        taints = [taint["key"] for taint in node.get("spec", {}).get("taints", ())]
        for key in _TAINTS:
            if key in taints:
                yield f"node {name} carries the taint {key}"


def workload_problems(snapshot: Snapshot, nodes: int) -> Iterator[str]:
    """Deployments, DaemonSets and containers of kube-system that are not settled."""
    if not snapshot.deployments:
        yield "kube-system has no Deployment yet"
    if not snapshot.daemonsets:
        yield "kube-system has no DaemonSet yet"
    for deployment in snapshot.deployments:
        wanted, status = deployment["spec"].get("replicas", 1), deployment.get("status", {})
        available = status.get("availableReplicas", 0)
        if available < wanted or status.get("observedGeneration") != deployment["metadata"].get("generation"):
            yield f"Deployment {deployment['metadata']['name']} has {available} of {wanted} replicas available"
    for daemonset in snapshot.daemonsets:
        yield from _daemonset_problems(daemonset, nodes)
    for pod in snapshot.pods:
        yield from _broken_containers(pod)


def failed_pods(pods: Sequence[Json]) -> Iterator[str]:
    """Pods that ended without having been of use, all of one owner, node and reason as one: a controller makes them anew for ever.

    None of these keeps a cluster from being ready: one that came later may do what they did not.
    """
    found = Counter(
        (_owner(pod), _where(pod), _reason(pod["status"]))
        for pod in pods
        if pod.get("status", {}).get("phase") == "Failed"
    )
    for (owner, node, why), count in found.most_common():
        yield f"{count} failed {'pod' if count == 1 else 'pods'} of {owner} on {node}: {why}"


def probe_problems(probe: Json, nodes: int) -> Iterator[str]:
    """Nodes from which DNS or the Service does not answer."""
    if not probe:
        yield "the DNS and Service probe has not been created yet"
        return
    status = probe.get("status", {})
    ready, wanted = status.get("numberReady", 0), max(status.get("desiredNumberScheduled", 0), nodes)
    if ready < wanted:
        yield f"DNS and a Service answer from {ready} of {wanted} nodes"


def problems(snapshot: Snapshot, expected: Sequence[str]) -> list[str]:
    """Everything that is still wrong."""
    return [
        *node_problems(snapshot.nodes, expected),
        *workload_problems(snapshot, len(expected)),
        *probe_problems(snapshot.probe, len(expected)),
    ]


def _daemonset_problems(daemonset: Json, nodes: int) -> Iterator[str]:
    status, name = daemonset.get("status", {}), daemonset["metadata"]["name"]
    wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    if status.get("observedGeneration") != daemonset["metadata"].get("generation"):
        yield f"DaemonSet {name} has not been looked at yet"
    elif ready < wanted or wanted < nodes:
        yield f"DaemonSet {name} is ready on {ready} of {max(wanted, nodes)} nodes"


def _broken_containers(pod: Json) -> Iterator[str]:
    for container in pod.get("status", {}).get("containerStatuses", ()):
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in _BROKEN:
            message = waiting.get("message", "")[:200]
            yield f"pod {pod['metadata']['name']} on {_where(pod)}: {waiting['reason']} {message}".rstrip()


def _owner(pod: Json) -> str:
    owners = pod["metadata"].get("ownerReferences", ())
    return f"{owners[0]['kind']} {owners[0]['name']}" if owners else f"pod {pod['metadata']['name']}"


def _where(pod: Json) -> str:
    return str(pod.get("spec", {}).get("nodeName", "no node"))


def _reason(condition: Json | None) -> str:
    if condition is None:
        return "no condition reported"
    return f"{condition.get('reason', '')}: {condition.get('message', '')[:200]}"
