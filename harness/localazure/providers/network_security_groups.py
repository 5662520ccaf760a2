"""Microsoft.Network/networkSecurityGroups and their rules.

Source: https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
"""

from __future__ import annotations

from ipaddress import ip_network

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.links import NIC, NSG, Links, link
from harness.localazure.providers.plan.security import port_range

_PROTOCOLS = {name.lower(): name for name in ("Tcp", "Udp", "Icmp", "Esp", "Ah", "*")}
_DEFAULTS = (
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
)


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    for name in ("defaultSecurityRules", "networkInterfaces", "subnets"):
        properties.pop(name, None)
    seen: dict[tuple[str, int], str] = {}
    for rule in properties["securityRules"]:
        _check_rule(resource_id, rule)
        place = (rule["properties"]["direction"], rule["properties"]["priority"])
        if place in seen:
            raise invalid(
                f"Security rule {rule['name']} conflicts with rule {seen[place]}. Rules cannot have the same Priority and "
                f"Direction ({place[1]}, {place[0]}).",
                "SecurityRuleConflict",
            )
        seen[place] = rule["name"]
    return Wanted(body)


def _check_rule(resource_id: ResourceId, rule: Body) -> None:
    properties = rule["properties"]
    name = f"{resource_id.name}/{rule['name']}"
    for field, allowed in (("direction", ("Inbound", "Outbound")), ("access", ("Allow", "Deny"))):
        value = str(properties.get(field, "")).capitalize()
        if value not in allowed:
            raise invalid(
                f"{field} of security rule {name} must be one of {', '.join(allowed)}.", "SecurityRuleInvalidProperty"
            )
        properties[field] = value
    if str(properties.get("protocol", "")).lower() not in _PROTOCOLS:
        raise invalid(
            f"protocol of security rule {name} must be one of {', '.join(_PROTOCOLS.values())}.",
            "SecurityRuleInvalidProperty",
        )
    properties["protocol"] = _PROTOCOLS[properties["protocol"].lower()]
    priority = properties.get("priority")
    if not isinstance(priority, int) or not 100 <= priority <= 4096:
        raise invalid(f"priority of security rule {name} must be between 100 and 4096.", "SecurityRuleInvalidPriority")
    for end in ("source", "destination"):
        _check_ports(properties, f"{end}PortRange", name)
        _check_prefixes(properties, f"{end}AddressPrefix", name)
    for plural in ("sourceAddressPrefixes", "destinationAddressPrefixes", "sourcePortRanges", "destinationPortRanges"):
        properties.setdefault(plural, [])


def _check_ports(properties: Body, singular: str, name: str) -> None:
    texts = [*(properties.get(f"{singular}s") or []), *([properties[singular]] if properties.get(singular) else [])]
    if not texts:
        raise invalid(
            f"Security rule {name} needs {singular} or {singular}s.", "SecurityRuleParameterContainsUnsupportedValue"
        )
    for text in texts:
        try:
            port_range(str(text))
        except ValueError as error:
            raise invalid(
                f"Security rule {name} has invalid {singular} '{text}'.", "SecurityRuleInvalidPortRange"
            ) from error


def _check_prefixes(properties: Body, singular: str, name: str) -> None:
    texts = [*(properties.get(f"{singular}es") or []), *([properties[singular]] if properties.get(singular) else [])]
    groups = properties.get(singular.replace("AddressPrefix", "ApplicationSecurityGroups"))
    if not texts and not groups:
        raise invalid(
            f"Security rule {name} needs {singular} or {singular}es.", "SecurityRuleParameterContainsUnsupportedValue"
        )
    for text in texts:
        if text[:1].isdigit() or ":" in text:
            try:
                ip_network(text, strict=False)
            except ValueError as error:
                raise invalid(
                    f"Security rule {name} has invalid {singular} '{text}'.", "SecurityRuleInvalidAddressPrefix"
                ) from error


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    users = _users(arm, resource)
    for name in ("subnets", "networkInterfaces"):
        if users[name]:
            view["properties"][name] = [{"id": user} for user in users[name]]
    view["properties"]["defaultSecurityRules"] = [
        {
            "id": str(resource.id.child("defaultSecurityRules", name)),
            "name": name,
            "type": f"{NSG}/defaultSecurityRules",
            "etag": resource.etag,
            "properties": {
                "provisioningState": "Succeeded",
                "protocol": "*",
                "sourcePortRange": "*",
                "destinationPortRange": "*",
                "sourceAddressPrefix": source,
                "destinationAddressPrefix": destination,
                "access": access,
                "priority": priority,
                "direction": direction,
            },
        }
        for name, priority, direction, access, source, destination in _DEFAULTS
    ]


def _users(arm: Arm, resource: Resource) -> dict[str, list[str]]:
    nics = [
        str(nic.id)
        for nic in arm.store.of_type(NIC)
        if link(nic.body, "networkSecurityGroup").lower() == resource.id.key
    ]
    return {
        "subnets": Links(arm.store).subnets_with("networkSecurityGroup", resource.id.key),
        "networkInterfaces": nics,
    }


def _check_unused(arm: Arm, resource: Resource) -> None:
    users = _users(arm, resource)
    if user := next(iter([*users["subnets"], *users["networkInterfaces"]]), ""):
        raise ArmError(
            400,
            "InUseNetworkSecurityGroupCannotBeDeleted",
            f"Network security group {resource.id} cannot be deleted because it is in use by the following resources: {user}.",
        )


RESOURCE_TYPES = (
    ResourceType(
        type=NSG,
        accept=_accept,
        show=_show,
        check_unused=_check_unused,
        networked=True,
        etag=True,
        children={"securityRules": "securityRules"},
    ),
)
