"""Microsoft.Network/networkInterfaces.

Source: https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces (2025-05-01)
"""

from __future__ import annotations

from typing import Any

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId, parse_id
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.links import LB, NIC, NSG, PIP, VNET, Links, link, network_of
from harness.localazure.providers.plan.networks import mac_address
from harness.localazure.providers.references import (
    check_child,
    check_reference,
    give_public_address,
    place_address,
    taken_addresses,
)

_DERIVED = ("virtualMachine", "macAddress", "primary", "hostedWorkloads", "tapConfigurations", "nicType")


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    for name in _DERIVED:
        properties.pop(name, None)
    check_reference(arm, link(body, "networkSecurityGroup"), NSG)
    items: list[Body] = properties["ipConfigurations"]
    if not items:
        raise invalid(
            f"Network interface '{resource_id.name}' must have at least one IP configuration.",
            "NetworkInterfaceMustHaveAtLeastOneIpConfiguration",
        )
    if sum(bool(item["properties"].get("primary")) for item in items) != 1:
        if len(items) > 1:
            raise invalid(
                f"Exactly one IP configuration of '{resource_id.name}' must be primary.",
                "MultipleOrNoPrimaryIpConfigurations",
            )
        items[0]["properties"]["primary"] = True
    known = _known_addresses(before)
    networks = set()
    for item in items:
        subnet = link(item, "subnet")
        if not subnet:
            raise invalid(f"IP configuration '{item['name']}' of '{resource_id.name}' needs a subnet.", "SubnetMissing")
        check_child(arm, subnet, f"{VNET}/subnets")
        networks.add(network_of(subnet))
        _check_links(arm, resource_id, item)
        place_address(
            arm, subnet, item["properties"], known.get(item["name"], ""), taken_addresses(arm, subnet, before)
        )
    if len(networks) > 1:
        raise invalid(
            f"IP configurations of '{resource_id.name}' are in different virtual networks.",
            "NicIPConfigurationsInDifferentVnets",
        )
    for name in ("enableAcceleratedNetworking", "enableIPForwarding"):
        properties.setdefault(name, False)
    properties.setdefault("dnsSettings", {"dnsServers": [], "appliedDnsServers": []})
    return Wanted(body)


def _check_links(arm: Arm, resource_id: ResourceId, item: Body) -> None:
    properties = item["properties"]
    for pool in properties.get("loadBalancerBackendAddressPools") or []:
        check_child(arm, str(pool.get("id", "")), f"{LB}/backendAddressPools")
    for rule in properties.get("loadBalancerInboundNatRules") or []:
        check_child(arm, str(rule.get("id", "")), f"{LB}/inboundNatRules")
    for name in ("loadBalancerBackendAddressPools", "loadBalancerInboundNatRules"):
        if name in properties:
            properties[name] = [{"id": entry["id"]} for entry in properties[name] or []]
    if public := link(item, "publicIPAddress"):
        check_reference(arm, public, PIP)
        own = str(resource_id.child("ipConfigurations", item["name"])).lower()
        user = Links(arm.store).user_of_public.get(public.lower(), "")
        if user and user.lower() != own:
            raise invalid(
                f"Resource {own} is referencing public IP address {public} that is already allocated to resource {user}.",
                "PublicIPAddressInUse",
            )
        give_public_address(arm, public)
        properties["publicIPAddress"] = {"id": public}


def _known_addresses(before: Resource | None) -> dict[str, str]:
    items: list[dict[str, Any]] = before.properties["ipConfigurations"] if before else []
    return {item["name"]: item["properties"]["privateIPAddress"] for item in items}


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    properties = view["properties"]
    properties["macAddress"] = mac_address(str(resource.id))
    properties["nicType"] = "Standard"
    if found := Links(arm.store).machine_of_nic.get(resource.id.key):
        machine, index = found
        properties["virtualMachine"] = {"id": str(machine.id)}
        properties["primary"] = index == 0


def _check_unused(arm: Arm, resource: Resource) -> None:
    if found := Links(arm.store).machine_of_nic.get(resource.id.key):
        raise ArmError(
            400,
            "NicInUse",
            f"Network Interface {resource.id} is used by existing resource {found[0].id}. In order to delete the network "
            "interface, it must be dissociated from the resource.",
        )


def strip_references(arm: Arm, balancer: ResourceId, kept: set[str]) -> None:
    """Take pools and NAT rules of a load balancer out of every NIC, those in ``kept`` (lower-case ids) left alone."""
    for nic in arm.store.of_type(NIC):
        body = nic.copy_body()
        changed = False
        for item in body["properties"]["ipConfigurations"]:
            for name in ("loadBalancerBackendAddressPools", "loadBalancerInboundNatRules"):
                entries = item["properties"].get(name) or []
                left = [
                    e
                    for e in entries
                    if (parse_id(e["id"]).parent or balancer).key != balancer.key or e["id"].lower() in kept
                ]
                if len(left) != len(entries):
                    item["properties"][name] = left
                    changed = True
        if changed:
            arm.store.put(nic.id, body, nic.internal, nic.state)


RESOURCE_TYPES = (
    ResourceType(
        type=NIC,
        accept=_accept,
        show=_show,
        check_unused=_check_unused,
        networked=True,
        etag=True,
        children={"ipConfigurations": "ipConfigurations"},
    ),
)
