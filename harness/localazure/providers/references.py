"""Checks that providers share: that what a body refers to exists, and where free addresses are."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from harness.localazure.arm.api import Arm
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import parse_id
from harness.localazure.arm.store import Resource
from harness.localazure.fabric.api import PUBLIC_RANGES
from harness.localazure.providers.plan.links import LB, PIP, Item, Links, child, link, subnet_prefix


def check_reference(arm: Arm, text: str, kind: str) -> Resource | None:
    """The resource of this type that a body refers to, ``None`` for an empty reference; raises 400/404 as ARM does."""
    if not text:
        return None
    resource_id = parse_id(text)
    if resource_id.type.lower() != kind.lower():
        raise invalid(f"Property id '{text}' should refer to a {kind}.", "LinkedInvalidPropertyId")
    found = arm.store.get(resource_id)
    if found is None or found.state == "Deleting":
        raise ArmError(404, "NotFound", f"Resource {text} not found.")
    return found


def check_child(arm: Arm, text: str, kind: str) -> tuple[Resource, Item] | None:
    """As :func:`check_reference`, for something inside a resource (a subnet, a pool)."""
    if not text:
        return None
    if parse_id(text).type.lower() != kind.lower():
        raise invalid(f"Property id '{text}' should refer to a {kind}.", "LinkedInvalidPropertyId")
    found = child(arm.store, text)
    if found is None or found[0].state == "Deleting":
        raise ArmError(400, "InvalidResourceReference", f"Resource {text} referenced by the request was not found.")
    return found


def taken_addresses(arm: Arm, subnet: str, except_for: Resource | None) -> set[IPv4Address]:
    """Private addresses in use in a subnet, those of one resource left out."""
    links = Links(arm.store)
    own = except_for.id.key if except_for else ""
    taken = {c.address for c in links.by_subnet.get(subnet.lower(), []) if c.nic.id.key != own}
    for balancer in arm.store.of_type(LB):
        for frontend in balancer.properties.get("frontendIPConfigurations", []):
            if balancer.id.key != own and link(frontend, "subnet").lower() == subnet.lower():
                taken.add(IPv4Address(frontend["properties"]["privateIPAddress"]))
    return taken


def place_address(arm: Arm, subnet_id: str, properties: Item, before: str, taken: set[IPv4Address]) -> None:
    """Give a configuration its private address: the static one it asks for, the one it had, or the first that is free.

    :param properties: the configuration's properties; ``privateIPAddress`` and ``privateIPAllocationMethod`` are set.
    :param before: the address it has had so far, or empty.
    :param taken: addresses in use; the new one is added.
    """
    found = child(arm.store, subnet_id)
    assert found is not None, "checked before"
    prefix = subnet_prefix(found[1])
    usable = _usable(prefix)
    method = str(properties.get("privateIPAllocationMethod") or "Dynamic").capitalize()
    asked = properties.get("privateIPAddress")
    if method == "Static":
        address = IPv4Address(asked or before or "0.0.0.0")  # noqa: S104 - a value outside every subnet
        if address not in prefix or address < usable[0]:
            raise invalid(
                f"Private static IP address {asked} does not belong to subnet {prefix} or is reserved.",
                "PrivateIPAddressNotInSubnet",
            )
        if address in taken:
            raise invalid(
                f"IP address {address} is already allocated in subnet {subnet_id}.", "PrivateIPAddressIsAllocated"
            )
    else:
        address = IPv4Address(before) if before and IPv4Address(before) in prefix else usable[0]
        while address in taken:
            address += 1
        if address > usable[1]:
            raise invalid(f"Subnet {subnet_id} has no free address.", "SubnetIsFull")
    taken.add(address)
    properties["privateIPAllocationMethod"] = method
    properties["privateIPAddress"] = str(address)
    properties.setdefault("privateIPAddressVersion", "IPv4")


def _usable(prefix: IPv4Network) -> tuple[IPv4Address, IPv4Address]:
    """Azure keeps the first four addresses of a subnet and the last one."""
    return prefix.network_address + 4, prefix.broadcast_address - 1


def free_public_address(arm: Arm) -> str:
    """A public address that no resource has; one that was just given back comes last, since its former owner's clients may still try it."""
    taken = {address.properties.get("ipAddress") for address in arm.store.of_type(PIP)}
    taken |= {str(address) for address in arm.fabric.reserved_public()}
    hosts = [str(host) for whole in PUBLIC_RANGES for host in whole.hosts()]
    for step in range(len(hosts)):
        number = (arm.public_offset + step) % len(hosts)
        if hosts[number] not in taken:
            arm.public_offset = number + 1
            return hosts[number]
    raise ArmError(400, "PublicIPCountLimitReached", f"All {len(hosts)} public addresses of local Azure are in use.")


def give_public_address(arm: Arm, text: str) -> None:
    """Allocate the address of a dynamic public address resource that is being used now."""
    found = check_reference(arm, text, PIP)
    if found and not found.properties.get("ipAddress"):
        body = found.copy_body()
        body["properties"]["ipAddress"] = free_public_address(arm)
        arm.store.put(found.id, body, found.internal, found.state)
