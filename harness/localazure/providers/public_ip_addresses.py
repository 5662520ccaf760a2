"""Microsoft.Network/publicIPAddresses: addresses of the documentation ranges that the host routes to the fabric.

Source: https://learn.microsoft.com/rest/api/virtualnetwork/public-ip-addresses (2025-05-01)
"""

from __future__ import annotations

import re

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.plan.links import PIP, Links
from harness.localazure.providers.quota import check_quota
from harness.localazure.providers.references import free_public_address

_LABEL = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    properties.pop("ipConfiguration", None)
    properties.pop("ipAddress", None)
    sku = body.setdefault("sku", before.body["sku"] if before else {"name": "Basic", "tier": "Regional"})
    sku.setdefault("tier", "Regional")
    standard = str(sku.get("name", "")).lower().startswith("standard")
    method = str(properties.get("publicIPAllocationMethod") or ("Static" if standard else "Dynamic")).capitalize()
    if standard and method != "Static":
        raise invalid(
            f"Standard publicIPAddress {resource_id} must have AllocationMethod set to Static.",
            "StandardSkuPublicIPAddressesMustHaveStaticAllocation",
        )
    if properties.get("publicIPAddressVersion", "IPv4") != "IPv4":
        raise invalid(
            f"publicIPAddressVersion of {resource_id} must be IPv4: local Azure has no IPv6.", "IPv6NotSupported"
        )
    properties["publicIPAllocationMethod"] = method
    properties["publicIPAddressVersion"] = "IPv4"
    properties.setdefault("idleTimeoutInMinutes", 4)
    properties.setdefault("ipTags", [])
    _settle_name(arm, resource_id, body)
    if not before:
        check_quota(arm, PIP, body["location"])
    if before and before.properties.get("ipAddress"):
        properties["ipAddress"] = before.properties["ipAddress"]
    elif method == "Static":
        properties["ipAddress"] = free_public_address(arm)
    return Wanted(body)


def _settle_name(arm: Arm, resource_id: ResourceId, body: Body) -> None:
    """The DNS label must be free in the location; the full name follows from it."""
    settings = body["properties"].get("dnsSettings")
    label = (settings or {}).get("domainNameLabel")
    if not settings or not label:
        return
    if not _LABEL.fullmatch(label):
        raise invalid(
            f"The domain name label {label} is invalid: it must be {_LABEL.pattern}.", "InvalidDomainNameLabel"
        )
    settings["fqdn"] = f"{label}.{body['location']}.cloudapp.azure.com"
    for other in arm.store.of_type(PIP):
        if (
            other.id.key != resource_id.key
            and (other.properties.get("dnsSettings") or {}).get("fqdn") == settings["fqdn"]
        ):
            raise invalid(f"DNS record {settings['fqdn']} is already used by another public IP.", "DnsRecordInUse")


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    if user := Links(arm.store).user_of_public.get(resource.id.key):
        view["properties"]["ipConfiguration"] = {"id": user}


def _check_unused(arm: Arm, resource: Resource) -> None:
    if user := Links(arm.store).user_of_public.get(resource.id.key):
        raise ArmError(
            400,
            "PublicIPAddressCannotBeDeleted",
            f"Public IP address {resource.id} can not be deleted since it is still allocated to resource {user}. In order to "
            "delete the public IP, disassociate/detach the Public IP address from the resource.",
        )


RESOURCE_TYPES = (
    ResourceType(
        type=PIP, accept=_accept, show=_show, check_unused=_check_unused, networked=True, etag=True, zones=True
    ),
)
