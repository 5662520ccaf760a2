"""What the cloud knows of a cluster's machines while Kubernetes does not: how far they came, and how they are.

The steps are the lines that the deployer's scripts write to the serial console (``kubernetes-node: UPTIME TEXT``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from azure.core.exceptions import AzureError

from harness.clouds.api import Cloud
from harness.clusters.api import Node
from harness.clusters.diagnostics import run_script
from harness.errors import HarnessError

_STEP = re.compile(r"kubernetes-node: [\d.]+ (.+)")
_LINES = 40
"""Last lines of a console that explain a failure."""
_AGENT = "its agent is"
_ASKED = """\
df --human-readable --output=target,size,avail / /var/log /var/lib/kubelet /var/lib/containerd | sort --unique
systemctl list-units --failed --plain --no-legend
journalctl --priority=err --lines=10 --no-pager --output=cat
"""
"""What the agent is asked to run; Azure gives the last 4 KB of what it prints."""
_MOST = 3
"""Machines whose consoles are shown: the others fail for the same reason, or because of these."""


def steps(cloud: Cloud, group: str, nodes: Sequence[Node]) -> set[str]:
    """What the machines told of their way to becoming nodes, each with its name."""
    return {f"{node.name} {step.strip()}" for node in nodes for step in _STEP.findall(_console(cloud, group, node))}


def concerned(nodes: Sequence[Node], text: str) -> Sequence[Node]:
    """The machines that a text names; the first control plane if it names none, since nothing works without it."""
    named = [node for node in nodes if re.search(rf"(?<![\w-]){re.escape(node.name)}(?![\w-])", text)]
    return (named or list(nodes))[: _MOST if named else 1]


def evidence(cloud: Cloud, group: str, nodes: Sequence[Node]) -> str:
    """How these machines are, the ends of their serial consoles, and what those tell of themselves whose agent reports."""
    return "\n".join(line for node in nodes for line in _evidence(cloud, group, node))


def _evidence(cloud: Cloud, group: str, node: Node) -> Iterator[str]:
    health = _health(cloud, group, node)
    yield f"--- {node.name} ({node.role}): {health}; end of its console:"
    yield from [line for line in _console(cloud, group, node).splitlines() if line.strip()][-_LINES:]
    if f"{_AGENT} Ready" in health:
        yield f"--- {node.name}: its disks, failed units, last errors:"
        yield _said(cloud, group, node)


def _said(cloud: Cloud, group: str, node: Node) -> str:
    try:
        answer = run_script(cloud, group, node.name, _ASKED)
    except (HarnessError, AzureError) as error:
        return f"(it does not say: {error})"
    return answer.partition("[stdout]")[2].partition("[stderr]")[0].strip()


def _console(cloud: Cloud, group: str, node: Node) -> str:
    try:
        return cloud.console(group, node.name)
    except (HarnessError, AzureError) as error:
        return f"(no serial console: {error})"


def _health(cloud: Cloud, group: str, node: Node) -> str:
    """Its power state, and whether its agent reports."""
    try:
        # as a mapping, as other answers that several threads wait for: see diagnostics.run_script
        view: Any = cloud.compute.virtual_machines.instance_view(group, node.name)
    except (HarnessError, AzureError) as error:
        return f"its state is not known: {error}"
    return ", ".join(_statuses(view))


def _statuses(view: Mapping[str, Any]) -> Iterator[str]:
    for status in view.get("statuses") or ():
        if status["code"].startswith("PowerState/"):
            yield str(status["displayStatus"])
    for status in (view.get("vmAgent") or {}).get("statuses") or ():
        yield f"{_AGENT} {status['displayStatus']}"
