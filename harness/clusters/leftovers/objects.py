"""Objects of a cluster, found by discovery: a kind that a new version or a test brings is looked at without being named here.

One request tells all kinds (aggregated discovery, KEP-3352, v2 since 1.30), one more for each kind all its objects, metadata only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubernetes import client

from harness.clusters.kube import UNREACHABLE, describe, fetch
from harness.clusters.leftovers.api import Found, Thing

_AT_ONCE = 4
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

_PASSING = frozenset(
    {
        "certificatesigningrequests",  # kubelets make them, the API server deletes them after a while
        "componentstatuses",
        "endpoints",  # of Services
        "endpointslices",
        "events",
        "ipaddresses",  # of Services
        "leases",
    }
)
"""Resources that come and go by themselves, or only with others that are looked at."""


@dataclass(frozen=True)
class Kind:
    """One kind of object that can be listed and deleted."""

    kind: str
    path: str
    """Of all its objects: ``/apis/rbac.authorization.k8s.io/v1/clusterroles``."""


def objects(api: client.ApiClient) -> Found:
    """Every object that nothing else owns; raises what ``UNREACHABLE`` lists if the API server does not tell its kinds."""
    problems: list[str] = []

    def read(kind: Kind) -> list[Thing]:
        try:
            listed = json.loads(fetch(api, kind.path, accept=_METADATA).data)["items"] or []
        except UNREACHABLE as error:
            problems.append(f"{kind.kind}: {describe(error)}")
            return []
        return [_thing(kind, item["metadata"]) for item in listed if not item["metadata"].get("ownerReferences")]

    kinds = list(_kinds(api))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        things = [thing for found in pool.map(read, kinds) for thing in found]
    return Found(tuple(things), tuple(problems))


def _kinds(api: client.ApiClient) -> Iterator[Kind]:
    for root in ("/api", "/apis"):
        for group in json.loads(fetch(api, root, accept=_DISCOVERY).data)["items"]:
            name = group["metadata"].get("name", "")
            for version in group.get("versions", ())[:1]:  # the preferred one comes first
                base = f"{root}/{name}/{version['version']}" if name else f"{root}/{version['version']}"
                for resource in version.get("resources", ()):
                    wanted = {"list", "delete"} <= set(resource["verbs"]) and resource["resource"] not in _PASSING
                    if wanted:
                        yield Kind(resource["responseKind"]["kind"], f"{base}/{resource['resource']}")


def _thing(kind: Kind, metadata: Mapping[str, Any]) -> Thing:
    return Thing(
        kind=kind.kind,
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        created=_time(metadata.get("creationTimestamp")),
        deleting=_time(metadata.get("deletionTimestamp")),
        uid=metadata.get("uid", ""),
        words=tuple((metadata.get("labels") or {}).values()),
        path=_path(kind.path, metadata["name"], metadata.get("namespace", "")),
    )


def _path(listed: str, name: str, namespace: str) -> str:
    group, _, resource = listed.rpartition("/")
    place = f"{group}/namespaces/{namespace}/{resource}" if namespace else listed
    return f"{place}/{name}"


def _time(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
