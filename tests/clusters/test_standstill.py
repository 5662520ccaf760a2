"""When waiting is given up: nothing new, for so long; what fails again and again is not new."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from harness.clusters.api import Cluster, Node
from harness.clusters.machines import concerned
from harness.clusters.readiness import wait_ready
from harness.clusters.standstill import Standstill
from harness.errors import DeployError

from .api_server import ApiServer


def test_what_is_new_is_progress_and_what_comes_again_is_not() -> None:
    still = Standstill(10, since=0.0)
    assert not still.reached(["node a has not joined"], 1)
    assert not still.reached(["node a is not Ready: KubeletNotReady: no network"], 9)
    assert not still.reached(["node a is not Ready: KubeletNotReady: last seen 3 s ago"], 18)
    assert still.reached(["node a has not joined"], 19), "it did not join before either"


def test_pods_that_are_made_anew_are_no_progress() -> None:
    still = Standstill(10, since=0.0)
    assert not any(still.reached([f"pod p-{number} on a: CrashLoopBackOff"], number) for number in range(10))
    assert still.reached(["pod p-10 on a: CrashLoopBackOff"], 10)


def test_what_machines_tell_is_progress() -> None:
    told: list[str] = []
    still = Standstill(8, lambda: told, since=0.0)
    assert not still.reached(["node a has not joined"], 1)
    told.append("a preparing a")
    assert not still.reached(["node a has not joined"], 8)
    told.append("a preparing a")
    assert not still.reached(["node a has not joined"], 15)
    assert still.reached(["node a has not joined"], 16)


def test_machines_are_asked_a_few_times_only() -> None:
    asked: list[int] = []

    def told() -> tuple[str, ...]:
        asked.append(1)
        return ()

    still = Standstill(40, told, since=100.0)
    for tick in range(100, 140):
        still.reached(["x"], tick)
    assert len(asked) == 4


def test_a_cluster_that_is_ready_and_flickers_has_its_time_again() -> None:
    still = Standstill(10, since=0.0)
    assert not still.reached(["node a is not Ready: x"], 1)
    assert not still.reached([], 10.5)
    assert not still.reached(["node a is not Ready: x"], 20)
    assert still.reached(["node a is not Ready: x"], 20.5)


def test_a_bring_up_is_given_up_long_before_its_deadline(cluster: Cluster, api_server: ApiServer) -> None:
    joined = {"metadata": {"name": "cp-0"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    api_server.objects["/api/v1/nodes"] = [joined]
    deadline = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(DeployError) as caught:
        wait_ready(cluster, deadline, 1, lambda _: None, time.monotonic(), standstill=Standstill(0.5))
    assert caught.value.last_seen == "node w-0 has not joined"
    assert "of which nothing was new for" in caught.value.awaited


def test_who_gives_up_says_what_may_be_behind_it(cluster: Cluster, api_server: ApiServer) -> None:
    """Nodes wait for routes, which the cloud's controller makes; why it does not run is what somebody has to know."""
    system = "/apis/apps/v1/namespaces/kube-system"
    api_server.objects |= {
        "/api/v1/nodes": [],
        f"{system}/daemonsets": [],
        f"{system}/deployments": [
            {"metadata": {"name": "cloud-controller-manager", "generation": 1}, "spec": {"replicas": 1}, "status": {}}
        ],
        "/api/v1/namespaces/kube-system/pods": [
            {
                "metadata": {"name": f"ccm-{number}", "ownerReferences": [{"kind": "ReplicaSet", "name": "ccm"}]},
                "spec": {"nodeName": "w-0"},
                "status": {"phase": "Failed", "reason": "NodeAffinity", "message": "Pod was rejected"},
            }
            for number in range(3)
        ],
    }
    with pytest.raises(DeployError) as caught:
        wait_ready(cluster, datetime.now(UTC), 1, lambda _: None)
    assert "Deployment cloud-controller-manager has 0 of 1 replicas available" in caught.value.last_seen
    assert "3 failed pods of ReplicaSet ccm on w-0: NodeAffinity: Pod was rejected" in caught.value.last_seen


NODES = (
    Node("k1-cp-0", "10.0.0.4", "control-plane"),
    Node("k1-w-1", "10.0.0.5", "worker"),
    Node("k1-w-10", "10.0.0.6", "worker"),
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("node k1-w-10 has not joined", ["k1-w-10"]),
        ("node k1-w-1 has not joined; node k1-w-10 is not Ready: x", ["k1-w-1", "k1-w-10"]),
        ("the API server does not answer", ["k1-cp-0"]),
        ("pod proxy-x on k1-w-1: CrashLoopBackOff", ["k1-w-1"]),
    ],
)
def test_whose_console_explains_a_failure(text: str, names: list[str]) -> None:
    assert [node.name for node in concerned(NODES, text)] == names
