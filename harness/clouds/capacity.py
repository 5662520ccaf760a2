"""Asking a location for its room: which sizes of machines are to be had, and how many more cores and addresses the quotas carry.

Sources: https://learn.microsoft.com/rest/api/compute/resource-skus/list (2021-07-01), .../compute/usage/list,
https://learn.microsoft.com/rest/api/virtualnetwork/usages/list
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from azure.mgmt.resource.resources import ResourceManagementClient

from harness.builds.api import Progress
from harness.clouds.errors import translated
from harness.clouds.room import Room
from harness.errors import CloudError

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.network import NetworkManagementClient

NAMESPACES = ("Microsoft.Compute", "Microsoft.Network")
"""Resource providers that every cluster needs."""
_REGISTRATION_SECONDS = 600.0
_ADDRESSES = frozenset(
    {
        "publicipaddresses",
        "staticpublicipaddresses",
        "standardskupublicipaddresses",
        "ipv4standardskupublicipaddresses",
    }
)
"""Usages that a standard public IPv4 address counts against, in lower case."""
_PLENTY = 10**9


def survey(compute: ComputeManagementClient, network: NetworkManagementClient, location: str, size: str) -> Room:
    """Ask the location."""
    with translated(f"ask which sizes of machines {location} offers"):
        skus = [sku for sku in compute.resource_skus.list(filter=f"location eq '{location}'") if _is(sku, size)]
    with translated(f"ask how much of its quotas {location} has used"):
        cores = {_name(usage): usage.limit - usage.current_value for usage in compute.usage.list(location)}
        addresses = [
            usage.limit - usage.current_value for usage in network.usages.list(location) if _name(usage) in _ADDRESSES
        ]
    if not skus:
        refusal = f"{location} does not offer machines of size {size}"
        return Room(location, size, 1, 0, min(addresses, default=_PLENTY), refusal, offered=False)
    return Room(
        location,
        size,
        _cores(skus[0]),
        min(cores.get("cores", _PLENTY), cores.get((skus[0].family or "").lower(), _PLENTY)),
        min(addresses, default=_PLENTY),
        _restriction(skus[0], location),
    )


def register(client: ResourceManagementClient, namespaces: Sequence[str], progress: Progress, pause: float) -> None:
    """Have the subscription use these resource providers; asks for all of them first, then waits for all.

    :param pause: seconds between looks.
    """
    missing = [name for name in namespaces if _registration(client, name) != "Registered"]
    for name in missing:
        progress(f"registering resource provider {name}")
        with translated(f"register resource provider {name}"):
            client.providers.register(name)
    begun = time.monotonic()
    for name in missing:
        while (state := _registration(client, name)) != "Registered":
            spent = time.monotonic() - begun
            if spent > _REGISTRATION_SECONDS:
                raise CloudError(
                    f"register resource provider {name}",
                    awaited=f"state Registered, {spent:.0f} s",
                    last_seen=state,
                    hint=f"az provider show --namespace {name}",
                )
            time.sleep(pause)


def _registration(client: ResourceManagementClient, name: str) -> str:
    with translated(f"ask whether resource provider {name} is registered"):
        return client.providers.get(name).registration_state or ""


def _is(sku: Any, size: str) -> bool:
    return sku.resource_type == "virtualMachines" and (sku.name or "").lower() == size.lower()


def _cores(sku: Any) -> int:
    found: Mapping[str, str] = {item.name: item.value for item in sku.capabilities or ()}
    return int(found.get("vCPUsAvailable") or found.get("vCPUs") or 1)


def _restriction(sku: Any, location: str) -> str:
    """Why the whole location is closed for the size; a restriction of zones is none, since no zone is asked for."""
    reasons = [
        getattr(item.reason_code, "value", item.reason_code)  # an enumeration if the SDK knows it, else text
        for item in sku.restrictions or ()
        if item.type == "Location" and location.lower() in {name.lower() for name in _places(item)}
    ]
    return f"{sku.name} is not to be had in {location}: {reasons[0]}" if reasons else ""


def _places(restriction: Any) -> Iterable[str]:
    info = restriction.restriction_info
    return (info.locations if info and info.locations else restriction.values_property) or ()


def _name(usage: Any) -> str:
    return ((usage.name.value if usage.name else "") or "").lower()
