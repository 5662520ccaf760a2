"""What can be read about a failure, each part a name and a call: of its namespaces, of the nodes, of the cloud provider.

Journals come through the API server where kubelet answers log queries (KEP-2258, ``enableSystemLogQuery``), on any cloud and within
milliseconds; else by ARM's run command.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubernetes import client

from harness.clouds.api import ArmRequest, Cloud, Journalling
from harness.clusters.api import Cluster, Node
from harness.clusters.diagnostics import events_text, pod_log, run_script
from harness.clusters.failures.api import Failure
from harness.clusters.kube import UNREACHABLE, fetch, items

_LINES = 5000
_JOURNAL_LINES = 4000
_UNITS = ("kubelet", "containerd")
_PROVIDER = "component=cloud-controller-manager"
_KINDS = (
    "/api/v1/{}/services",
    "/api/v1/{}/persistentvolumeclaims",
    "/apis/discovery.k8s.io/v1/{}/endpointslices",
    "/apis/apps/v1/{}/deployments",
    "/apis/apps/v1/{}/replicasets",
    "/apis/apps/v1/{}/statefulsets",
    "/apis/apps/v1/{}/daemonsets",
    "/apis/batch/v1/{}/jobs",
)
"""Objects that explain why a test's pods are, or are not, what it expected. Secrets and ConfigMaps stay where they are."""


@dataclass(frozen=True)
class Part:
    """One file that can be had."""

    name: str
    read: Callable[[], str]
    end: bool = True
    """Whether the end matters more than the beginning."""


def of_namespaces(api: client.ApiClient, namespaces: Sequence[str], failure: Failure) -> Iterator[Part]:
    """Events, objects and pod logs; asks for the pods at once, and raises what ``UNREACHABLE`` lists if that fails."""
    core = client.CoreV1Api(api)
    yield Part("events.txt", lambda: _events(core, namespaces, failure))
    for namespace in namespaces:
        pods = items(core.list_namespaced_pod, namespace)
        yield Part(f"{namespace}/pods.json", lambda pods=pods: _json(pods), end=False)  # type: ignore[misc]
        for pod in pods:
            yield from _logs(core, namespace, pod)
        for path in _KINDS:
            where = path.format(f"namespaces/{namespace}")
            name = f"{namespace}/{path.rpartition('/')[2]}.json"
            yield Part(name, lambda where=where: _json(_list(api, where)), end=False)  # type: ignore[misc]


def of_provider(api: client.ApiClient, cloud: Cloud, cluster: Cluster, failure: Failure) -> Iterator[Part]:
    """What the cloud provider said and, where the cloud tells, what it asked of ARM."""
    core = client.CoreV1Api(api)
    yield Part("cloud-controller-manager.log", lambda: _provider_log(core, failure))
    if isinstance(cloud, Journalling):
        yield Part(
            "arm-requests.txt",
            lambda: _requests(cloud.requests(cluster.group, failure.since, failure.until), cluster.group),
        )


def of_node(api: client.ApiClient, cloud: Cloud, cluster: Cluster, node: Node, failure: Failure) -> Part:
    """The node's journal of that minute."""
    return Part(f"{node.name}/journal.log", lambda: _journal(api, cloud, cluster, node, failure))


def _events(core: client.CoreV1Api, namespaces: Sequence[str], failure: Failure) -> str:
    found = [event for name in namespaces for event in items(core.list_namespaced_event, name)]
    nodes = items(core.list_namespaced_event, "default", field_selector="involvedObject.kind=Node")
    return events_text(found + [event for event in nodes if _seen(event) >= failure.since])


def _seen(event: Mapping[str, Any]) -> float:
    text = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return datetime.fromisoformat(text).timestamp()


def _logs(core: client.CoreV1Api, namespace: str, pod: Mapping[str, Any]) -> Iterator[Part]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for kind in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for each in status.get(kind) or ():
            if "waiting" in each.get("state", {}) and not each.get("restartCount"):
                continue  # it never ran
            container = each["name"]
            yield Part(
                f"{namespace}/{name}.{container}.log",
                lambda c=container: pod_log(core, namespace, name, c, tail_lines=_LINES),  # type: ignore[misc]
            )
            if each.get("restartCount"):
                yield Part(
                    f"{namespace}/{name}.{container}.previous.log",
                    lambda c=container: pod_log(core, namespace, name, c, previous=True, tail_lines=_LINES),  # type: ignore[misc]
                )


def _list(api: client.ApiClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(fetch(api, path).data)["items"] or []
    return found


def _json(found: Sequence[Mapping[str, Any]]) -> str:
    """Without what only kubectl and the API server's bookkeeping need."""
    for each in found:
        each["metadata"].pop("managedFields", None)
    return json.dumps(found, indent=1) + "\n" if found else ""


def _provider_log(core: client.CoreV1Api, failure: Failure) -> str:
    ago = max(1, int(datetime.now(UTC).timestamp() - failure.since) + 1)
    until = datetime.fromtimestamp(failure.until, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    lines = []
    for pod in items(core.list_namespaced_pod, "kube-system", label_selector=_PROVIDER):
        text = pod_log(
            core, "kube-system", pod["metadata"]["name"], pod["spec"]["containers"][0]["name"], since_seconds=ago
        )
        lines += [line for line in text.splitlines(keepends=True) if line[:19] <= until]
    return "".join(lines)


def _requests(found: Sequence[ArmRequest], group: str) -> str:
    return "".join(
        f"{_clock(each.at)} {each.status} {each.method:<6} {each.milliseconds:>8.1f} ms  {_short(each.path, group)}"
        f"{'  ' + each.code if each.code else ''}{'  injected: ' + each.fault if each.fault else ''}  ({each.client})\n"
        for each in found
    )


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3]


def _short(path: str, group: str) -> str:
    """What comes after the group: the rest is the same in every line."""
    place = path.lower().find(f"/resourcegroups/{group.lower()}")
    return path if place < 0 else "…" + path[place + len("/resourcegroups/") + len(group) :]


def _journal(api: client.ApiClient, cloud: Cloud, cluster: Cluster, node: Node, failure: Failure) -> str:
    try:
        return _queried(api, node, failure)
    except UNREACHABLE:  # kubelet does not answer such queries, or nobody answers at all: the cloud still may
        units = " ".join(f"--unit={unit}" for unit in _UNITS)
        return run_script(
            cloud,
            cluster.group,
            node.name,
            f"journalctl {units} --since=@{int(failure.since)} --until=@{int(failure.until) + 1}"
            f" --utc --no-pager --output=short-precise --lines={_JOURNAL_LINES}",
        )


def _queried(api: client.ApiClient, node: Node, failure: Failure) -> str:
    query = [
        *(("query", unit) for unit in _UNITS),
        ("sinceTime", _rfc3339(failure.since)),
        ("untilTime", _rfc3339(failure.until + 1)),
        ("tailLines", str(_JOURNAL_LINES)),
    ]
    answer = fetch(
        api, f"/api/v1/nodes/{node.name}/proxy/logs/", query, accept="*/*"
    )  # the API server refuses text/plain, which is what comes
    text: str = answer.data.decode(errors="replace")
    if "html" in answer.headers.get("Content-Type", "") or text.lstrip().startswith("<"):
        raise OSError("kubelet lists its log files instead: it does not answer queries")
    return text


def _rfc3339(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
