"""The instance metadata service: what a machine learns about itself at 169.254.169.254, and its managed identity's tokens.

One application a virtual network. The caller is known by its source address: that of a NIC, or one in a prefix that the
subnet's route table sends to a NIC (a pod).

Source: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
"""

from __future__ import annotations

import time
from ipaddress import IPv4Address
from typing import Any

from aiohttp import web

from harness.localazure.arm.store import Resource, Store
from harness.localazure.identity.tokens import LIFETIME, Principal, Tokens
from harness.localazure.providers.plan.callers import Caller, caller_at


def metadata_app(store: Store, tokens: Tokens, network: str) -> web.Application:
    """The application for the virtual network with this id."""
    service = _Metadata(store, tokens, network)
    app = web.Application()
    app.router.add_get("/metadata/instance", service.instance)
    app.router.add_get("/metadata/instance/{path:.*}", service.instance)
    app.router.add_get("/metadata/loadbalancer", service.loadbalancer)
    app.router.add_get("/metadata/identity/oauth2/token", service.token)
    app.router.add_get("/metadata/versions", service.versions)
    return app


class _Metadata:
    def __init__(self, store: Store, tokens: Tokens, network: str) -> None:
        self.store = store
        self.tokens = tokens
        self.network = network

    async def versions(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"apiVersions": ["2018-02-01", "2020-10-01", "2021-02-01", "2021-10-01", "2021-12-13"]}
        )

    async def instance(self, request: web.Request) -> web.Response:
        """The machine and its network; a deeper path and ``format=text`` select a part, as on Azure."""
        document: Any = _instance(self._caller(request))
        for part in [part for part in request.match_info.get("path", "").split("/") if part]:
            document = _step(document, part)
        if not isinstance(document, dict | list) or request.query.get("format") == "text":
            text = "\n".join(document) if isinstance(document, dict) else str(document)
            return web.Response(text=text)
        return web.json_response(document)

    async def loadbalancer(self, request: web.Request) -> web.Response:
        caller = self._caller(request)
        pairs = [
            {"frontendIpAddress": str(public), "privateIpAddress": str(caller.address)}
            for public in caller.balancer_addresses
        ]
        return web.json_response(
            {"loadbalancer": {"publicIpAddresses": pairs, "inboundRules": [], "outboundRules": []}}
        )

    async def token(self, request: web.Request) -> web.Response:
        caller = self._caller(request)
        resource = request.query.get("resource", "")
        if not resource:
            return _refused("invalid_request", "Required query variable 'resource' is missing")
        identity = _identity(caller.machine, request)
        if identity is None:
            return _refused("invalid_request", "Identity not found")
        client, principal = identity
        now = int(time.time())
        return web.json_response(
            {
                "access_token": self.tokens.issue(Principal(principal, str(caller.machine.id), owner=False), resource),
                "client_id": client,
                "expires_in": str(LIFETIME),
                "expires_on": str(now + LIFETIME),
                "ext_expires_in": str(LIFETIME),
                "not_before": str(now - 300),
                "resource": resource,
                "token_type": "Bearer",
            }
        )

    def _caller(self, request: web.Request) -> Caller:
        if request.headers.get("Metadata", "").lower() != "true":
            raise web.HTTPBadRequest(text='{"error":"Bad request. Required metadata header not specified"}')
        caller = caller_at(self.store, self.network, IPv4Address(request.remote or "0.0.0.0"))  # noqa: S104 - no machine has it
        if caller is None:
            raise web.HTTPNotFound(text=f'{{"error":"no machine at {request.remote}"}}')
        return caller


def _step(document: Any, part: str) -> Any:
    try:
        return document[int(part)] if isinstance(document, list) else document[part]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise web.HTTPNotFound(text='{"error":"Not found"}') from error


def _refused(code: str, text: str) -> web.Response:
    return web.json_response({"error": code, "error_description": text}, status=400)


def _identity(machine: Resource, request: web.Request) -> tuple[str, str] | None:
    """(client id, object id) of the identity that is asked for: the system-assigned one, or a user-assigned one of the machine."""
    known = machine.body.get("identity") or {}
    assigned = known.get("userAssignedIdentities") or {}
    client = request.query.get("client_id", "")
    by_id = request.query.get("msi_res_id", "") or request.query.get("mi_res_id", "")
    for resource_id, facts in assigned.items():
        if (client and facts["clientId"] == client) or (by_id and resource_id.lower() == by_id.lower()):
            return facts["clientId"], facts["principalId"]
    if client or by_id:
        return None
    if known.get("principalId"):
        return known["principalId"], known["principalId"]
    if len(assigned) == 1:
        [facts] = assigned.values()
        return facts["clientId"], facts["principalId"]
    return None


def _instance(caller: Caller) -> dict[str, Any]:
    machine = caller.machine
    properties = machine.properties
    tags = machine.body.get("tags") or {}
    zones = machine.body.get("zones") or []
    os_profile = properties.get("osProfile") or {}
    interfaces = [
        {
            "ipv4": {
                "ipAddress": [
                    {"privateIpAddress": str(private), "publicIpAddress": str(public) if public else ""}
                    for private, public in nic.addresses
                ],
                "subnet": [{"address": str(nic.subnet.network_address), "prefix": str(nic.subnet.prefixlen)}],
            },
            "ipv6": {"ipAddress": []},
            "macAddress": nic.mac.replace("-", ""),
        }
        for nic in caller.nics
    ]
    return {
        "compute": {
            "azEnvironment": "AzurePublicCloud",
            "location": machine.body["location"],
            "name": machine.id.name,
            "osType": "Linux",
            "osProfile": {
                "adminUsername": os_profile.get("adminUsername", ""),
                "computerName": os_profile.get("computerName", machine.id.name),
                "disablePasswordAuthentication": "true",
            },
            "placementGroupId": "",
            "platformFaultDomain": "0",
            "platformSubFaultDomain": "",
            "platformUpdateDomain": "0",
            "provider": "Microsoft.Compute",
            "resourceGroupName": machine.id.group,
            "resourceId": str(machine.id),
            "subscriptionId": machine.id.subscription,
            "tags": ";".join(f"{name}:{value}" for name, value in tags.items()),
            "tagsList": [{"name": name, "value": value} for name, value in tags.items()],
            "vmId": machine.internal.get("vmId", ""),
            "vmScaleSetName": "",
            "vmSize": properties["hardwareProfile"]["vmSize"],
            "zone": str(zones[0]) if zones else "",
        },
        "network": {"interface": interfaces},
    }
