"""agnhost workloads and Services of one namespace, made with the official client and awaited until they work."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes import client
from kubernetes.client import ApiClient, ApiException

from harness.clusters.leftovers.api import OWN_LABELS
from suites._lib.inside import Inside, Peer
from suites._lib.waiting import NotYet, wait_for

EVERYWHERE = [{"operator": "Exists"}]
"""Tolerates every taint: control-plane nodes take part as well."""

_MERGE = "application/merge-patch+json"
"""RFC 7386: lists are replaced as a whole, so that a changed port does not stand beside the old one."""


@dataclass(frozen=True)
class Workloads:
    """Makes workloads in one namespace; deleting the namespace removes them."""

    kube: ApiClient
    namespace: str
    image: str

    @property
    def core(self) -> Any:
        return client.CoreV1Api(self.kube)

    @property
    def apps(self) -> Any:
        return client.AppsV1Api(self.kube)

    @property
    def inside(self) -> Inside:
        return Inside(self.kube, self.namespace)

    def container(self, http_port: int = 8080, udp_port: int = 8081, **extra: Any) -> dict[str, Any]:
        """agnhost's netexec: it answers HTTP and UDP, dials others, and is ready once both servers listen."""
        return {
            "name": "agnhost",
            "image": self.image,
            "args": ["netexec", f"--http-port={http_port}", f"--udp-port={udp_port}"],
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": http_port}, "periodSeconds": 1},
            **extra,
        }

    def pod(self, name: str, *, container: Mapping[str, Any] | None = None, **spec: Any) -> Peer:
        """One pod, ready; ``spec`` goes into the pod's spec (nodeName, volumes, ...)."""
        body = {
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [container or self.container()], **spec},
        }
        self.core.create_namespaced_pod(self.namespace, body)
        return self.ready(name, 1)[0]

    def deployment(self, name: str, replicas: int = 1, **spec: Any) -> list[Peer]:
        """agnhost, each replica on another node as long as there are nodes; returns the ready pods."""
        labels = {"app": name}
        spread = {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": labels},
            "nodeTaintsPolicy": "Honor",
        }
        pod = {
            "terminationGracePeriodSeconds": 0,
            "topologySpreadConstraints": [spread],
            "containers": [self.container()],
            **spec,
        }
        body = {
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }
        self.apps.create_namespaced_deployment(self.namespace, body)
        return self.ready(name, replicas)

    def daemonset(self, name: str, **options: Any) -> list[Peer]:
        """agnhost on every node, control planes included; returns the ready pods, by node name."""
        return self.daemonsets({name: options})[0]

    def daemonsets(self, wanted: Mapping[str, Mapping[str, Any]]) -> list[list[Peer]]:
        """Several of them at once: name -> ``http_port``, ``udp_port`` and fields of the pod's spec."""
        ports = {
            name: (options.get("http_port", 8080), options.get("udp_port", 8081)) for name, options in wanted.items()
        }
        for name, options in wanted.items():
            pod = {
                "terminationGracePeriodSeconds": 0,
                "tolerations": EVERYWHERE,
                "containers": [self.container(*ports[name])],
                **{key: value for key, value in options.items() if key not in ("http_port", "udp_port")},
            }
            labels = {"app": name}
            template = {"metadata": {"labels": labels}, "spec": pod}
            body = {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
            self.apps.create_namespaced_daemon_set(self.namespace, body)
        nodes = len(self.core.list_node().items)
        return [
            [Peer(each.name, each.node, each.address, *ports[name]) for each in self.ready(name, nodes)]
            for name in wanted
        ]

    def ready(self, app: str, count: int, timeout: float = 60.0) -> list[Peer]:
        """The pods of a workload once exactly ``count`` are there, all of them ready, by node name."""

        def probe() -> list[Peer]:
            pods = self.core.list_namespaced_pod(self.namespace, label_selector=f"app={app}").items
            states = {pod.metadata.name: _state(pod) for pod in pods}
            if len(pods) != count or any(states.values()):
                seen = ", ".join(f"{name}: {state or 'ready'}" for name, state in states.items())
                raise NotYet(seen or "no pods")
            peers = [Peer(pod.metadata.name, pod.spec.node_name, pod.status.pod_ip) for pod in pods]
            return sorted(peers, key=lambda peer: peer.node)

        return wait_for(f"{count} ready pods of {app} in {self.namespace}", probe, timeout)

    def scale(self, name: str, replicas: int) -> list[Peer]:
        """Change the number of replicas and wait for it."""
        self.apps.patch_namespaced_deployment_scale(
            name, self.namespace, {"spec": {"replicas": replicas}}, _content_type=_MERGE
        )
        return self.ready(name, replicas)

    def service(self, name: str, app: str, ports: Sequence[Mapping[str, Any]], **extra: Any) -> Any:
        """A Service in front of a workload; ``annotations`` apart, ``extra`` goes into its spec."""
        metadata = {"name": name, "annotations": dict(extra.pop("annotations", {}))}
        body = {
            "metadata": metadata,
            "spec": {"selector": {"app": app}, "ports": [dict(port) for port in ports], **extra},
        }
        return self.core.create_namespaced_service(self.namespace, body)

    def change_service(self, name: str, **spec: Any) -> None:
        """Merge into the Service's spec; ``None`` removes a field."""
        self.core.patch_namespaced_service(name, self.namespace, {"spec": spec}, _content_type=_MERGE)

    def ingress(self, name: str, timeout: float = 120.0) -> str:
        """The address that the cloud gave a Service of type LoadBalancer."""

        def probe() -> str:
            service = self.core.read_namespaced_service(name, self.namespace)
            ingress = service.status.load_balancer.ingress if service.status.load_balancer else None
            if not ingress or not ingress[0].ip:
                raise NotYet(f"status.loadBalancer is {ingress}; events: {self.events(name)}")
            return str(ingress[0].ip)

        return wait_for(f"an address of Service {self.namespace}/{name}", probe, timeout)

    def delete_service(self, name: str, timeout: float = 120.0) -> None:
        """Delete a Service and wait until its finalizers are done, that is until the cloud has cleaned up."""
        self.core.delete_namespaced_service(name, self.namespace)

        def probe() -> None:
            try:
                service = self.core.read_namespaced_service(name, self.namespace)
            except ApiException as error:
                if error.status == 404:
                    return
                raise
            raise NotYet(f"finalizers {service.metadata.finalizers}; events: {self.events(name)}")

        wait_for(f"Service {self.namespace}/{name} to be gone", probe, timeout)

    def delete_pod(self, name: str, timeout: float = 60.0) -> None:
        """Delete a pod and wait until it is gone."""
        self.core.delete_namespaced_pod(name, self.namespace, grace_period_seconds=0)

        def probe() -> None:
            try:
                pod = self.core.read_namespaced_pod(name, self.namespace)
            except ApiException as error:
                if error.status == 404:
                    return
                raise
            raise NotYet(f"phase {pod.status.phase}")

        wait_for(f"pod {self.namespace}/{name} to be gone", probe, timeout)

    def events(self, name: str) -> str:
        """The last events about an object, in one line."""
        found = self.core.list_namespaced_event(self.namespace, field_selector=f"involvedObject.name={name}").items
        return "; ".join(f"{event.reason}: {event.message}" for event in found[-3:]) or "none"


def _state(pod: Any) -> str:
    """Why a pod is not ready; empty when it is."""
    if pod.metadata.deletion_timestamp:
        return "terminating"
    conditions = {each.type: each for each in pod.status.conditions or []}
    if "Ready" in conditions and conditions["Ready"].status == "True":
        return ""
    for status in pod.status.container_statuses or []:
        if status.state and status.state.waiting:
            return f"{status.state.waiting.reason}: {status.state.waiting.message or ''}".rstrip(": ")
    scheduled = conditions.get("PodScheduled")
    if scheduled is not None and scheduled.status != "True":
        return f"not scheduled: {scheduled.message}"
    return str(pod.status.phase)


def make_namespace(kube: ApiClient, prefix: str) -> str:
    """A new namespace in which pods can be made at once."""
    core: Any = client.CoreV1Api(kube)
    name = f"{prefix}-{uuid.uuid4().hex[:8]}"
    core.create_namespace({"metadata": {"name": name, "labels": OWN_LABELS}})
    _await_service_account(core, name)
    return name


def _await_service_account(core: Any, namespace: str) -> None:
    """Pods are refused until the default service account exists."""

    def probe() -> None:
        try:
            core.read_namespaced_service_account("default", namespace)
        except ApiException as error:
            raise NotYet(f"{error.status} {error.reason}") from error

    wait_for(f"the default service account of {namespace}", probe, 30.0, interval=0.05)
