"""A DaemonSet that tries, from every node, what every test takes for granted: DNS answers and a Service answers.

Each pod serves HTTP behind one Service and, as its readiness check, resolves that Service's name and connects to it. Endpoints
include pods that are not ready, so the check tests the path and not itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from harness.clusters.kube import limits

NAMESPACE = "harness-readiness"
NAME = "probe"
_LABELS = {"app": "harness-readiness"}
_PORT = 8080
_FALLBACK = "registry.k8s.io/e2e-test-images/agnhost:2.66.1"
"""For clusters whose build says nothing about images."""


def probe_image(build: Path) -> str:
    """The newest agnhost of the build: it is on every node already."""
    try:
        references = [str(item) for item in json.loads((build / "build.json").read_text())["images"]]
    except (OSError, ValueError, KeyError):  # a cluster we did not build
        return _FALLBACK
    found = [reference for reference in references if reference.rpartition(":")[0].endswith("/agnhost")]
    return max(found, key=_version, default=_FALLBACK)


def create_probe(api: client.ApiClient, image: str, patience: int = 1) -> None:
    """Create namespace, Service and DaemonSet; what exists already stays."""
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    _create(patience, core.create_namespace, {"metadata": {"name": NAMESPACE}})
    _create(patience, core.create_namespaced_service, NAMESPACE, _service())
    _create(patience, apps.create_namespaced_daemon_set, NAMESPACE, _daemonset(image, patience))


def delete_probe(api: client.ApiClient, patience: int = 1) -> None:
    """Delete all of it, without waiting: nothing else uses the namespace."""
    try:
        client.CoreV1Api(api).delete_namespace(NAMESPACE, _request_timeout=limits(patience))
    except ApiException as error:
        if error.status != 404:
            raise


def _create(patience: int, call: Any, *arguments: Any) -> None:
    try:
        call(*arguments, _request_timeout=limits(patience))
    except ApiException as error:
        if error.status != 409:  # there already
            raise


def _version(reference: str) -> tuple[int, ...]:
    return tuple(int(part) for part in reference.rpartition(":")[2].split(".") if part.isdigit())


def _service() -> dict[str, Any]:
    return {
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "selector": _LABELS,
            "publishNotReadyAddresses": True,
            "ports": [{"port": 80, "targetPort": _PORT}],
        },
    }


def _daemonset(image: str, patience: int) -> dict[str, Any]:
    service = f"{NAME}.{NAMESPACE}.svc.cluster.local.:80"
    container = {
        "name": "probe",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["netexec", f"--http-port={_PORT}", "--udp-port=-1"],
        "readinessProbe": {
            "exec": {"command": ["/agnhost", "connect", f"--timeout={patience}s", service]},
            "periodSeconds": 1,
            "timeoutSeconds": 3 * patience,
            "failureThreshold": 1,
        },
    }
    return {
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": _LABELS},
            "template": {
                "metadata": {"labels": _LABELS},
                "spec": {
                    "containers": [container],
                    "tolerations": [{"operator": "Exists"}],
                    "terminationGracePeriodSeconds": 0,
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                },
            },
        },
    }
