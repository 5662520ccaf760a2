"""Microsoft.Network/virtualNetworks and their subnets.

Source: https://learn.microsoft.com/rest/api/virtualnetwork/virtual-networks (2025-05-01)
"""

from __future__ import annotations

from ipaddress import IPv4Network

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.links import NSG, TABLE, VNET, Links, link, subnet_prefix
from harness.localazure.providers.references import check_reference


def _network(text: str, where: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise invalid(
            f"Address prefix '{text}' of {where} is not an IPv4 prefix: {error}.", "InvalidAddressPrefixFormat"
        ) from error


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    texts = (properties.get("addressSpace") or {}).get("addressPrefixes") or []
    if not texts:
        raise invalid(
            f"Virtual network '{resource_id.name}' needs addressSpace.addressPrefixes.", "InvalidRequestFormat"
        )
    prefixes = [_network(text, resource_id.name) for text in texts]
    taken: list[tuple[str, IPv4Network]] = []
    for subnet in properties["subnets"]:
        prefix = _subnet(arm, resource_id, subnet)
        if not any(prefix.subnet_of(whole) for whole in prefixes):
            raise invalid(
                f"Subnet '{subnet['name']}' is not valid because its prefix {prefix} is outside virtual network "
                f"'{resource_id.name}' ({', '.join(texts)}).",
                "NetcfgInvalidSubnet",
            )
        for name, other in taken:
            if prefix.overlaps(other):
                raise invalid(
                    f"Subnet '{subnet['name']}' ({prefix}) overlaps subnet '{name}' ({other}).",
                    "NetcfgSubnetRangesOverlap",
                )
        taken.append((subnet["name"], prefix))
    if before:
        _check_kept(arm, before, dict(taken))
    properties.setdefault("enableDdosProtection", False)
    return Wanted(body)


def _subnet(arm: Arm, resource_id: ResourceId, subnet: Body) -> IPv4Network:
    properties = subnet["properties"]
    properties.pop("ipConfigurations", None)
    texts = [properties.get("addressPrefix") or "", *(properties.get("addressPrefixes") or [])]
    first = next((text for text in texts if text), "")
    if not first:
        raise invalid(
            f"Subnet '{subnet['name']}' of '{resource_id.name}' needs an addressPrefix.", "InvalidRequestFormat"
        )
    check_reference(arm, link(subnet, "networkSecurityGroup"), NSG)
    check_reference(arm, link(subnet, "routeTable"), TABLE)
    properties.setdefault("privateEndpointNetworkPolicies", "Disabled")
    properties.setdefault("privateLinkServiceNetworkPolicies", "Enabled")
    return _network(first, f"subnet '{subnet['name']}'")


def _check_kept(arm: Arm, before: Resource, wanted: dict[str, IPv4Network]) -> None:
    """Subnets in use may neither go nor change their prefix."""
    for subnet in before.properties.get("subnets", []):
        if subnet["name"] in wanted and wanted[subnet["name"]] == subnet_prefix(subnet):
            continue
        if users := _users(arm, before.id, subnet["name"]):
            code = "InUsePrefixCannotBeDeleted" if subnet["name"] in wanted else "InUseSubnetCannotBeDeleted"
            raise ArmError(
                400, code, f"Subnet {subnet['name']} is in use by {users[0]} and cannot be deleted or changed."
            )


def _users(arm: Arm, network: ResourceId, subnet: str) -> list[str]:
    links = Links(arm.store)
    key = str(network.child("subnets", subnet)).lower()
    users = [configuration.id for configuration in links.by_subnet.get(key, [])]
    users += [
        str(balancer.id.child("frontendIPConfigurations", frontend["name"]))
        for balancer, frontend in links.frontends
        if link(frontend, "subnet").lower() == key
    ]
    return users


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    for subnet in view["properties"]["subnets"]:
        if users := _users(arm, resource.id, subnet["name"]):
            subnet["properties"]["ipConfigurations"] = [{"id": user} for user in users]


def _check_unused(arm: Arm, resource: Resource) -> None:
    for subnet in resource.properties["subnets"]:
        if users := _users(arm, resource.id, subnet["name"]):
            raise ArmError(
                400,
                "InUseSubnetCannotBeDeleted",
                f"Subnet {subnet['name']} is in use by {users[0]} and cannot be deleted. In order to delete the subnet, delete "
                "all the resources within the subnet.",
            )


RESOURCE_TYPES = (
    ResourceType(
        type=VNET,
        accept=_accept,
        show=_show,
        check_unused=_check_unused,
        networked=True,
        etag=True,
        children={"subnets": "subnets"},
    ),
)
