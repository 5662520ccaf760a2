"""Microsoft.Network/routeTables and their routes: they really route, in every network whose subnets they are associated with.

Source: https://learn.microsoft.com/rest/api/virtualnetwork/route-tables (2025-05-01)
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.links import TABLE, Links

_HOPS = {name.lower(): name for name in ("VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "None")}


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    properties.pop("subnets", None)
    properties.setdefault("disableBgpRoutePropagation", False)
    seen: dict[IPv4Network, str] = {}
    for route in properties["routes"]:
        prefix = _check_route(resource_id, route)
        if prefix in seen:
            raise invalid(f"Routes {seen[prefix]} and {route['name']} have the same prefix {prefix}.", "RouteConflict")
        seen[prefix] = route["name"]
    return Wanted(body)


def _check_route(resource_id: ResourceId, route: Body) -> IPv4Network:
    properties = route["properties"]
    name = f"{resource_id.name}/{route['name']}"
    hop = _HOPS.get(str(properties.get("nextHopType", "")).lower())
    if hop is None:
        raise invalid(
            f"nextHopType of route {name} must be one of {', '.join(_HOPS.values())}.", "InvalidRouteNextHopType"
        )
    properties["nextHopType"] = hop
    properties.setdefault("hasBgpOverride", False)
    try:
        if hop == "VirtualAppliance":
            IPv4Address(properties.get("nextHopIpAddress") or "")
        elif properties.get("nextHopIpAddress"):
            raise ValueError("nextHopIpAddress goes only with VirtualAppliance")
        return IPv4Network(properties.get("addressPrefix") or "")
    except ValueError as error:
        raise invalid(
            f"Route {name} has an invalid addressPrefix or nextHopIpAddress: {error}.", "InvalidRoute"
        ) from error


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    if users := Links(arm.store).subnets_with("routeTable", resource.id.key):
        view["properties"]["subnets"] = [{"id": user} for user in users]


def _check_unused(arm: Arm, resource: Resource) -> None:
    if users := Links(arm.store).subnets_with("routeTable", resource.id.key):
        raise ArmError(
            400,
            "InUseRouteTableCannotBeDeleted",
            f"Route table {resource.id.name} is in use and cannot be deleted: {users[0]}.",
        )


RESOURCE_TYPES = (
    ResourceType(
        type=TABLE,
        accept=_accept,
        show=_show,
        check_unused=_check_unused,
        networked=True,
        etag=True,
        children={"routes": "routes"},
    ),
)
