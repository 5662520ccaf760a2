"""What a Service of type LoadBalancer left in ARM, found by the names that cloud-provider-azure gives.

Facts: ``GetLoadBalancerName`` (letter a and the Service's uid without dashes, 32 characters) prefixes frontends, rules and
probes, and ends the name of a public address, which also carries the tag ``k8s-azure-service``; a security rule names the
address it opens. Another Service may get the address as soon as it is free.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True)
class Footprint:
    """Names of everything in the resource group that belongs to one Service."""

    frontends: tuple[str, ...]
    rules: tuple[str, ...]
    probes: tuple[str, ...]
    addresses: tuple[str, ...]
    security_rules: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(astuple(self))


def footprint(network: Any, group: str, service: Any, address: str) -> Footprint:
    """Look for the traces of a Service.

    :param network: ``NetworkManagementClient``.
    :param service: the Service as the API server gave it, for its uid and names.
    :param address: the address it has, or had.
    """
    prefix = f"a{service.metadata.uid.replace('-', '')}"[:32]
    owner = f"{service.metadata.namespace}/{service.metadata.name}"
    balancers = list(network.load_balancers.list(group))
    return Footprint(
        frontends=_named(balancers, "frontend_ip_configurations", prefix),
        rules=_named(balancers, "load_balancing_rules", prefix),
        probes=_named(balancers, "probes", prefix),
        addresses=tuple(
            each.name
            for each in network.public_ip_addresses.list(group)
            if owner in (each.tags or {}).get("k8s-azure-service", "").split(",") or each.name.endswith(prefix)
        ),
        security_rules=tuple(
            rule.name
            for security_group in network.network_security_groups.list(group)
            for rule in security_group.security_rules or []
            if address in {rule.destination_address_prefix, *(rule.destination_address_prefixes or [])}
        ),
    )


def _named(balancers: list[Any], part: str, prefix: str) -> tuple[str, ...]:
    return tuple(
        each.name for balancer in balancers for each in getattr(balancer, part) or [] if each.name.startswith(prefix)
    )
