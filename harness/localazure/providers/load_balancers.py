"""Microsoft.Network/loadBalancers: frontends, pools, rules and probes that really balance.

Deleting one takes its pools out of every NIC, which the cloud provider counts on with ``vmType: standard``.

Source: https://learn.microsoft.com/rest/api/load-balancer/load-balancers (2025-05-01)
"""

from __future__ import annotations

from typing import Any

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import invalid
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource
from harness.localazure.providers.network_interfaces import strip_references
from harness.localazure.providers.plan.links import LB, PIP, VNET, Links, link
from harness.localazure.providers.references import (
    check_child,
    check_reference,
    give_public_address,
    place_address,
    taken_addresses,
)

_CHILDREN = (
    "frontendIPConfigurations",
    "backendAddressPools",
    "loadBalancingRules",
    "probes",
    "inboundNatRules",
    "inboundNatPools",
    "outboundRules",
)
_BACK = ("loadBalancingRules", "inboundNatRules", "inboundNatPools", "outboundRules", "outboundRule")


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    properties = body["properties"]
    sku = body.setdefault("sku", before.body["sku"] if before else {"name": "Basic", "tier": "Regional"})
    sku.setdefault("tier", "Regional")
    known = {f["name"]: f for f in before.properties["frontendIPConfigurations"]} if before else {}
    for frontend in properties["frontendIPConfigurations"]:
        _settle_frontend(arm, resource_id, frontend, known.get(frontend["name"]), before)
    for pool in properties["backendAddressPools"]:
        for name in (*_BACK, "backendIPConfigurations"):
            pool["properties"].pop(name, None)
    for probe in properties["probes"]:
        _check_probe(probe)
    names = {place: {item["name"].lower() for item in properties[place]} for place in _CHILDREN}
    ports: dict[tuple[str, str, int], str] = {}
    for rule in properties["loadBalancingRules"]:
        place = _check_rule(resource_id, rule, names)
        if place in ports:
            raise invalid(
                f"Load balancing rules {ports[place]} and {rule['name']} use the same frontend port {place[2]}.",
                "RulesUseSameFrontendPortProtocolAndFrontendIPConfig",
            )
        ports[place] = rule["name"]
    for rule in properties["inboundNatRules"]:
        rule["properties"].pop("backendIPConfiguration", None)
        _check_link(resource_id, rule, "frontendIPConfiguration", "frontendIPConfigurations", names, required=True)
    if before:
        kept = {
            str(resource_id.child(place, name)).lower()
            for place in ("backendAddressPools", "inboundNatRules")
            for name in names[place]
        }
        strip_references(arm, resource_id, kept)
    return Wanted(body)


def _settle_frontend(
    arm: Arm, resource_id: ResourceId, frontend: Body, known: Body | None, before: Resource | None
) -> None:
    properties = frontend["properties"]
    for name in _BACK:
        properties.pop(name, None)
    subnet, public = link(frontend, "subnet"), link(frontend, "publicIPAddress")
    if bool(subnet) == bool(public):
        raise invalid(
            f"Frontend '{frontend['name']}' of '{resource_id.name}' needs either a subnet or a publicIPAddress.",
            "LoadBalancerFrontendIPConfigurationInvalid",
        )
    if subnet:
        check_child(arm, subnet, f"{VNET}/subnets")
        had = (
            known["properties"].get("privateIPAddress", "")
            if known and link(known, "subnet").lower() == subnet.lower()
            else ""
        )
        place_address(arm, subnet, properties, had, taken_addresses(arm, subnet, before))
        return
    check_reference(arm, public, PIP)
    own = str(resource_id.child("frontendIPConfigurations", frontend["name"])).lower()
    user = Links(arm.store).user_of_public.get(public.lower(), "")
    if user and user.lower() != own and not user.lower().startswith(resource_id.key + "/"):
        raise invalid(
            f"Resource {own} is referencing public IP address {public} that is already allocated to resource {user}.",
            "PublicIPAddressInUse",
        )
    give_public_address(arm, public)
    properties["publicIPAddress"] = {"id": public}
    properties.setdefault("privateIPAllocationMethod", "Dynamic")


def _check_probe(probe: Body) -> None:
    properties = probe["properties"]
    properties.pop("loadBalancingRules", None)
    protocol = str(properties.get("protocol", "")).capitalize()
    if protocol not in ("Tcp", "Http", "Https") or not isinstance(properties.get("port"), int):
        raise invalid(
            f"Probe '{probe['name']}' needs a protocol (Tcp, Http, Https) and a port.", "LoadBalancerProbeInvalid"
        )
    if protocol != "Tcp" and not properties.get("requestPath"):
        raise invalid(f"Probe '{probe['name']}' needs a requestPath.", "LoadBalancerProbeInvalid")
    properties["protocol"] = protocol
    properties.setdefault("intervalInSeconds", 15)
    properties.setdefault("numberOfProbes", 2)


def _check_rule(resource_id: ResourceId, rule: Body, names: dict[str, set[str]]) -> tuple[str, str, int]:
    properties = rule["properties"]
    protocol = str(properties.get("protocol", "")).capitalize()
    if protocol not in ("Tcp", "Udp", "All"):
        raise invalid(f"Rule '{rule['name']}' needs a protocol: Tcp, Udp or All.", "LoadBalancingRuleInvalid")
    if not isinstance(properties.get("frontendPort"), int):
        raise invalid(f"Rule '{rule['name']}' needs a frontendPort.", "LoadBalancingRuleInvalid")
    properties["protocol"] = protocol
    frontend = _check_link(
        resource_id, rule, "frontendIPConfiguration", "frontendIPConfigurations", names, required=True
    )
    _check_link(resource_id, rule, "backendAddressPool", "backendAddressPools", names)
    for pool in properties.get("backendAddressPools") or []:
        _check_known(resource_id, rule, str(pool.get("id", "")), "backendAddressPools", names)
    _check_link(resource_id, rule, "probe", "probes", names)
    for name, value in (
        ("enableFloatingIP", False),
        ("enableTcpReset", False),
        ("disableOutboundSnat", False),
        ("idleTimeoutInMinutes", 4),
        ("loadDistribution", "Default"),
    ):
        properties.setdefault(name, value)
    return frontend, protocol, properties["frontendPort"]


def _check_link(
    resource_id: ResourceId, rule: Body, name: str, place: str, names: dict[str, set[str]], *, required: bool = False
) -> str:
    text = link(rule, name)
    if not text and not required:
        return ""
    return _check_known(resource_id, rule, text, place, names)


def _check_known(resource_id: ResourceId, rule: Body, text: str, place: str, names: dict[str, set[str]]) -> str:
    last = text.rpartition("/")[2].lower()
    if last not in names[place] or not text.lower().startswith(f"{resource_id.key}/{place.lower()}/"):
        raise invalid(
            f"Resource {text or place} referenced by resource {resource_id}/{rule['name']} was not found. Please make sure that "
            "the referenced resource exists.",
            "InvalidResourceReference",
        )
    return last


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    properties = view["properties"]
    links = Links(arm.store)
    for pool in properties["backendAddressPools"]:
        members = links.by_pool.get(pool["id"].lower(), [])
        if members:
            pool["properties"]["backendIPConfigurations"] = [{"id": member.id} for member in members]
    for rule in properties["inboundNatRules"]:
        for member in links.by_nat_rule.get(rule["id"].lower(), [])[:1]:
            rule["properties"]["backendIPConfiguration"] = {"id": member.id}
    for place in ("loadBalancingRules", "inboundNatRules", "outboundRules"):
        for rule in properties[place]:
            for name, target in (
                ("frontendIPConfiguration", "frontendIPConfigurations"),
                ("backendAddressPool", "backendAddressPools"),
                ("probe", "probes"),
            ):
                _point_back(properties[target], link(rule, name), place, rule["id"])


def _point_back(items: list[dict[str, Any]], text: str, place: str, rule: str) -> None:
    for item in items:
        if text and item["id"].lower() == text.lower():
            item["properties"].setdefault(place, []).append({"id": rule})


def _forget(arm: Arm, resource: Resource) -> None:
    strip_references(arm, resource.id, set())


RESOURCE_TYPES = (
    ResourceType(
        type=LB,
        accept=_accept,
        show=_show,
        forget=_forget,
        networked=True,
        etag=True,
        zones=True,
        children={name: name for name in _CHILDREN},
    ),
)
