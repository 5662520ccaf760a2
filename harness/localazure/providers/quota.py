"""Usage and limits of a location: what preflight checks read, and what a PUT runs into."""

from __future__ import annotations

from dataclasses import dataclass

from harness.localazure.arm.api import Arm, Call, Reply, Route
from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.links import LB, NIC, NSG, PIP, TABLE, VM, VNET
from harness.localazure.providers.sizes import SIZES, size_of


@dataclass(frozen=True)
class _Count:
    name: str
    shown: str
    limit: int


_NETWORK = {
    VNET: _Count("VirtualNetworks", "Virtual Networks", 1000),
    NIC: _Count("NetworkInterfaces", "Network Interfaces", 65536),
    NSG: _Count("NetworkSecurityGroups", "Network Security Groups", 5000),
    TABLE: _Count("RouteTables", "Route Tables", 600),
    LB: _Count("LoadBalancers", "Load Balancers", 1000),
    PIP: _Count("PublicIPAddresses", "Public IP Addresses", 500),
}
_CORES = 350
_MACHINES = 25000


def check_quota(arm: Arm, kind: str, location: str) -> None:
    """Raise ``ArmError`` if one more network resource of this type would exceed the location's limit."""
    count = _NETWORK[kind]
    limit = arm.limits.of(count.name, location, count.limit)
    if _in_location(arm, kind, location) >= limit:
        raise ArmError(
            400,
            f"{count.name.removesuffix('es')}CountLimitReached" if kind != PIP else "PublicIPCountLimitReached",
            f"Cannot create more than {limit} {count.shown.lower()} for this subscription in this region.",
        )


def check_cores(arm: Arm, size: str, location: str, already: str = "") -> None:
    """Raise ``ArmError`` if a machine of this size, in place of one of size ``already``, would exceed the cores of the location."""
    extra = size_of(size).cpus - (size_of(already).cpus if already else 0)
    for name, used in (
        ("cores", _cores(arm, location)),
        (size_of(size).family, _cores(arm, location, size_of(size).family)),
    ):
        limit = arm.limits.of(name, location, _CORES)
        if extra > 0 and used + extra > limit:
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Operation could not be completed as it results in exceeding approved {name} quota. Location: {location}, "
                f"Current Limit: {limit}, Current Usage: {used}, Additional Required: {extra}, "
                f"(Minimum) New Limit Required: {used + extra}.",
            )


def check_offer(arm: Arm, size: str, location: str) -> None:
    """Raise ``ArmError`` if the location does not offer machines of this size."""
    if not _offered(arm, size, location):
        raise ArmError(
            409,
            "SkuNotAvailable",
            f"The requested size '{size}' is currently not available in location '{location}' for this subscription.",
        )


def _offered(arm: Arm, size: str, location: str) -> bool:
    """Whether a location offers machines of this size to the subscription."""
    return arm.limits.of(size, location, 1) > 0


def check_capacity(arm: Arm, machine: Resource) -> None:
    """Raise ``ArmError`` if the location's hardware has no room for this machine, which was accepted."""
    location = machine.body["location"]
    size = machine.properties["hardwareProfile"]["vmSize"]
    room = arm.limits.of("capacity", location, _CORES) - (_cores(arm, location) - size_of(size).cpus)
    if size_of(size).cpus > room:
        raise ArmError(
            409,
            "AllocationFailed",
            f"Allocation failed: there is not enough capacity for size '{size}' in location '{location}' at present.",
        )


def _in_location(arm: Arm, kind: str, location: str) -> int:
    return sum(found.body["location"] == location for found in arm.store.of_type(kind))


def _cores(arm: Arm, location: str, family: str = "") -> int:
    sizes = [
        size_of(machine.properties["hardwareProfile"]["vmSize"])
        for machine in arm.store.of_type(VM)
        if machine.body["location"] == location
    ]
    return sum(size.cpus for size in sizes if not family or size.family == family)


def _usage(name: str, shown: str, used: int, limit: int) -> dict[str, object]:
    return {"name": {"value": name, "localizedValue": shown}, "currentValue": used, "limit": limit, "unit": "Count"}


async def _network_usages(arm: Arm, call: Call) -> Reply:
    location = call.path["location"].lower()
    return Reply(
        body={
            "value": [
                _usage(
                    count.name,
                    count.shown,
                    _in_location(arm, kind, location),
                    arm.limits.of(count.name, location, count.limit),
                )
                for kind, count in _NETWORK.items()
            ]
        }
    )


async def _compute_usages(arm: Arm, call: Call) -> Reply:
    location = call.path["location"].lower()
    families = sorted({size.family for size in SIZES.values()})
    usages = [
        _usage("cores", "Total Regional vCPUs", _cores(arm, location), arm.limits.of("cores", location, _CORES)),
        _usage("virtualMachines", "Virtual Machines", _in_location(arm, VM, location), _MACHINES),
    ]
    usages += [
        _usage(family, f"{family} vCPUs", _cores(arm, location, family), arm.limits.of(family, location, _CORES))
        for family in families
    ]
    return Reply(body={"value": usages})


_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.%s/locations/{location}/usages"
ROUTES = (
    Route("GET", _LOCATION % "Network", _network_usages),
    Route("GET", _LOCATION % "Compute", _compute_usages),
)
