from __future__ import annotations

from typing import Any

from harness.clusters.state import Snapshot, failed_pods, node_problems, probe_problems, problems, workload_problems


def node(name: str, *, ready: str = "True", taints: tuple[str, ...] = (), network: str = "False") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"taints": [{"key": key} for key in taints]},
        "status": {
            "conditions": [
                {"type": "NetworkUnavailable", "status": network, "reason": "NoRouteCreated", "message": "no route"},
                {"type": "Ready", "status": ready, "reason": "KubeletNotReady", "message": "cni not ready"},
            ]
        },
    }


def daemonset(name: str, wanted: int, ready: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "generation": 1},
        "status": {"desiredNumberScheduled": wanted, "numberReady": ready, "observedGeneration": 1},
    }


def deployment(name: str, wanted: int, available: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": wanted},
        "status": {"availableReplicas": available, "observedGeneration": 1},
    }


def test_ready_cluster_has_no_problems() -> None:
    control_plane = node("a", taints=("node-role.kubernetes.io/control-plane",))
    snapshot = Snapshot(
        nodes=[control_plane, node("b")],
        deployments=[deployment("coredns", 2, 2)],
        daemonsets=[daemonset("kube-proxy", 2, 2)],
        probe=daemonset("probe", 2, 2),
    )
    assert problems(snapshot, ["a", "b"]) == []


def test_nodes_name_what_they_lack() -> None:
    nodes = [
        node("b", ready="False"),
        node("c", network="True"),
        node("d", taints=("node.cloudprovider.kubernetes.io/uninitialized",)),
    ]
    assert list(node_problems(nodes, ["a", "b", "c", "d"])) == [
        "node a has not joined",
        "node b is not Ready: KubeletNotReady: cni not ready",
        "node c has no route yet: NoRouteCreated: no route",
        "node d carries the taint node.cloudprovider.kubernetes.io/uninitialized",
    ]


def test_empty_system_is_not_settled() -> None:
    assert len(list(workload_problems(Snapshot(), 3))) == 2


def test_unsettled_workloads_are_named() -> None:
    crashing = {
        "metadata": {"name": "coredns-1"},
        "spec": {"nodeName": "b"},
        "status": {
            "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}}]
        },
    }
    snapshot = Snapshot(
        pods=[crashing], deployments=[deployment("coredns", 2, 1)], daemonsets=[daemonset("kube-proxy", 2, 2)]
    )
    assert list(workload_problems(snapshot, 3)) == [
        "Deployment coredns has 1 of 2 replicas available",
        "DaemonSet kube-proxy is ready on 2 of 3 nodes",
        "pod coredns-1 on b: CrashLoopBackOff back-off 10s",
    ]


def test_probe_counts_nodes_that_have_no_pod_yet() -> None:
    assert list(probe_problems(daemonset("probe", 2, 2), 3)) == ["DNS and a Service answer from 2 of 3 nodes"]


def test_pods_that_fail_again_and_again_are_one_line() -> None:
    def rejected(number: int, where: str) -> dict[str, Any]:
        owner = {"kind": "ReplicaSet", "name": "ccm-1"}
        status = {"phase": "Failed", "reason": "NodeAffinity", "message": "Pod was rejected"}
        return {
            "metadata": {"name": f"ccm-1-{number}", "ownerReferences": [owner]},
            "spec": {"nodeName": where},
            "status": status,
        }

    running = {"metadata": {"name": "ccm-1-x"}, "status": {"phase": "Running"}}
    bare = {
        "metadata": {"name": "alone"},
        "spec": {},
        "status": {"phase": "Failed", "reason": "Evicted", "message": "no room"},
    }
    assert list(failed_pods([rejected(1, "b"), rejected(2, "a"), rejected(3, "a"), running, bare])) == [
        "2 failed pods of ReplicaSet ccm-1 on a: NodeAffinity: Pod was rejected",
        "1 failed pod of ReplicaSet ccm-1 on b: NodeAffinity: Pod was rejected",
        "1 failed pod of pod alone on no node: Evicted: no room",
    ]
