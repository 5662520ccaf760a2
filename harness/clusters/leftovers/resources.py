"""What is in a cluster's resource group, and the parts of load balancers, security groups and route tables that the cloud provider adds.

Tags tell whose a resource is (``k8s-azure-service``: cloud-provider-azure ``consts.go``; ``kubernetes.io-created-for-pvc-namespace``:
azuredisk-csi-driver), and so does the Service's uid in the names of frontends, rules and probes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.clouds.api import Cloud
from harness.clouds.errors import translated
from harness.clusters.leftovers.api import Thing

_SERVICE = ("k8s-azure-service", "service")
_CLAIM = "kubernetes.io-created-for-pvc-namespace"


def resources(cloud: Cloud, group: str) -> list[Thing]:
    """Everything in the group; raises ``CloudError``."""
    with translated(f"list what is in {group}"):
        listed = list(cloud.resources.resources.list_by_resource_group(group, expand="createdTime"))
        return [*(_resource(item) for item in listed), *_parts(cloud, group)]


def owned(things: Sequence[Thing]) -> list[Thing]:
    """The same, with namespace and age of their Service in those that carry its uid in their names."""
    owners = {_prefix(thing.uid): thing for thing in things if thing.kind == "Service" and thing.uid}
    for thing in things:  # its Service may be gone while its address still tells
        if thing.cloud and thing.namespace and thing.kind == "publicIPAddresses":
            owners.setdefault(thing.name.rpartition("-")[2][:32], thing)
    return [_with_owner(thing, owners) for thing in things]


def _with_owner(thing: Thing, owners: Mapping[str, Thing]) -> Thing:
    own = thing.name.rpartition("/")[2]
    owner = next((owner for prefix, owner in owners.items() if prefix in own), None) if thing.cloud else None
    if owner is None:
        return thing
    return replace(thing, namespace=thing.namespace or owner.namespace, created=thing.created or owner.created)


def _prefix(uid: str) -> str:
    return f"a{uid.replace('-', '')}"[:32]


def _resource(item: Any) -> Thing:
    tags = item.tags or {}
    created = item.created_time.timestamp() if item.created_time else 0.0
    kind = str(item.type).partition("/")[2]
    return Thing(kind, str(item.name), _namespace(tags), created, cloud=True, words=tuple(tags.values()))


def _namespace(tags: Mapping[str, str]) -> str:
    for name in _SERVICE:
        if "/" in tags.get(name, ""):
            return tags[name].partition(",")[0].partition("/")[0]
    return tags.get(_CLAIM, "")


def _parts(cloud: Cloud, group: str) -> Iterator[Thing]:
    for balancer in cloud.network.load_balancers.list(group):
        for part in ("frontend_ip_configurations", "load_balancing_rules", "probes"):
            yield from _named("loadBalancers", balancer, part)
    for security_group in cloud.network.network_security_groups.list(group):
        yield from _named("networkSecurityGroups", security_group, "security_rules")
    for table in cloud.network.route_tables.list(group):
        yield from _named("routeTables", table, "routes")


def _named(kind: str, whole: Any, part: str) -> Iterator[Thing]:
    first, *others = part.split("_")
    spelled = first + "".join("IP" if word == "ip" else word.capitalize() for word in others)
    for each in getattr(whole, part) or ():
        yield Thing(f"{kind}/{spelled}", f"{whole.name}/{each.name}", cloud=True)
