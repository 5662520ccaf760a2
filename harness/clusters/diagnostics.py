"""Evidence from a cluster that failed, or that ended: first what needs no API server, then what the API server knows.

Serial consoles and "run command" go through the cloud and work on a cluster whose API server never came up. Every part is
independent: one that fails leaves a line in ``problems.txt`` and the others go on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError
from kubernetes import client

from harness.clouds.api import Cloud
from harness.clusters.api import Node
from harness.clusters.kube import UNREACHABLE, describe, items, limits, open_client
from harness.errors import HarnessError
from harness.redact.secrets import Secrets

_AT_ONCE = 6
_UNITS = ("kubernetes-node", "containerd", "kubelet")
_JOURNAL_LINES = 4000
_RUN_COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class _Part:
    file: str
    read: Callable[[], str]


def collect(
    cloud: Cloud,
    group: str,
    nodes: Sequence[Node],
    kubeconfig: Path,
    folder: Path,
    deadline: datetime,
    secrets: Secrets,
) -> None:
    """Write what can be had into the folder, without secrets; never raises for one part, and starts none after the deadline."""
    folder.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []

    def keep(part: _Part) -> None:
        if time.time() >= deadline.timestamp():
            problems.append(f"{part.file}: not read, the time for collecting was over")
            return
        try:
            target = folder / part.file
            text = part.read()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(secrets.mask(text))
        except (HarnessError, AzureError, *UNREACHABLE) as error:
            problems.append(f"{part.file}: {error if isinstance(error, HarnessError) else describe(error)}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(keep, _cloud_parts(cloud, group, nodes)))
        if kubeconfig.exists():
            with closing(open_client(kubeconfig)) as api:
                try:
                    parts = list(_api_parts(api))
                except UNREACHABLE as error:
                    problems.append(f"cluster: the API server does not answer: {describe(error)}")
                else:
                    list(pool.map(keep, parts))
    if problems:
        (folder / "problems.txt").write_text(secrets.mask("\n".join(problems)) + "\n")


def _cloud_parts(cloud: Cloud, group: str, nodes: Sequence[Node]) -> Iterator[_Part]:
    for node in nodes:
        yield _Part(f"{node.name}/console.log", lambda name=node.name: cloud.console(group, name))  # type: ignore[misc]
    for node in nodes:
        for unit in _UNITS:
            yield _Part(
                f"{node.name}/{unit}.log",
                lambda name=node.name, unit=unit: _journal(cloud, group, name, unit),  # type: ignore[misc]
            )


def _journal(cloud: Cloud, group: str, machine: str, unit: str) -> str:
    """A unit's journal by ARM's run command, which needs neither SSH nor a working API server."""
    return run_script(
        cloud, group, machine, f"journalctl --unit={unit} --no-pager --output=short-precise --lines={_JOURNAL_LINES}"
    )


def run_script(cloud: Cloud, group: str, machine: str, script: str) -> str:
    """What a shell script prints on a machine, by ARM's run command; Azure gives the last 4 KB of it."""
    from azure.mgmt.compute.models import RunCommandInput  # slow to load, and seldom needed

    wanted = RunCommandInput(command_id="RunShellScript", script=[script])
    poller = cloud.compute.virtual_machines.begin_run_command(group, machine, wanted)
    result = poller.result(timeout=_RUN_COMMAND_SECONDS)
    # read as mappings: of several threads that meet a model of the SDK for the first time, one may get a plain dict
    return "\n".join(str(status.get("message") or "") for status in result.get("value") or ())


def _api_parts(api: client.ApiClient) -> Iterator[_Part]:
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    pods = items(core.list_pod_for_all_namespaces)
    yield _Part("nodes.json", lambda: _dump(items(core.list_node)))
    yield _Part("pods.json", lambda: _dump(pods))
    yield _Part("events.txt", lambda: events_text(items(core.list_event_for_all_namespaces)))
    yield _Part("services.json", lambda: _dump(items(core.list_service_for_all_namespaces)))
    yield _Part("daemonsets.json", lambda: _dump(items(apps.list_daemon_set_for_all_namespaces)))
    yield _Part("deployments.json", lambda: _dump(items(apps.list_deployment_for_all_namespaces)))
    for pod in pods:
        if pod["metadata"]["namespace"] == "kube-system":
            yield from _pod_logs(core, pod)


def _pod_logs(core: client.CoreV1Api, pod: dict[str, Any]) -> Iterator[_Part]:
    name = pod["metadata"]["name"]
    for status in pod.get("status", {}).get("containerStatuses", ()):
        container = status["name"]
        yield _Part(f"pods/{name}.{container}.log", lambda c=container: pod_log(core, "kube-system", name, c))  # type: ignore[misc]
        if status.get("restartCount"):
            yield _Part(
                f"pods/{name}.{container}.previous.log",
                lambda c=container: pod_log(core, "kube-system", name, c, previous=True),  # type: ignore[misc]
            )


def pod_log(
    core: client.CoreV1Api, namespace: str, pod: str, container: str, *, previous: bool = False, **query: Any
) -> str:
    """A container's log with times; ``query`` may have ``tail_lines`` and ``since_seconds``."""
    answer: Any = core.read_namespaced_pod_log(
        pod,
        namespace,
        container=container,
        previous=previous,
        timestamps=True,
        _preload_content=False,
        _request_timeout=limits(),
        **query,
    )
    text: str = answer.data.decode(errors="replace")
    return text


def events_text(events: Sequence[Mapping[str, Any]]) -> str:
    """A line an event, in order of time."""

    def when(event: Mapping[str, Any]) -> str:
        return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])

    lines = [
        f"{when(event)} {event.get('type', '')} {event['metadata']['namespace']} "
        f"{event['involvedObject'].get('kind')}/{event['involvedObject'].get('name')} "
        f"{event.get('reason', '')}: {event.get('message', '')}"
        for event in sorted(events, key=when)
    ]
    return "\n".join(lines) + "\n"


def _dump(found: list[dict[str, Any]]) -> str:
    return json.dumps(found, indent=1) + "\n"
