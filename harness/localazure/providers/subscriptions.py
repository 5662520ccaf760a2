"""Subscriptions, tenants, locations, and resource providers with their types, zones and registration."""

from __future__ import annotations

from typing import Any

from harness.localazure.arm.api import Arm, Call, Reply, ResourceType, Route
from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.locations import LOCATIONS
from harness.localazure.arm.registration import REGISTERED, UNREGISTERED, registration, set_registration


def _subscription(arm: Arm) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{arm.subscription}",
        "subscriptionId": arm.subscription,
        "tenantId": arm.tenant,
        "displayName": "Local Azure",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "Local",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


def _check(arm: Arm, call: Call) -> None:
    if call.path["subscription"].lower() != arm.subscription.lower():
        raise ArmError(
            404, "SubscriptionNotFound", f"The subscription '{call.path['subscription']}' could not be found."
        )


async def _all(arm: Arm, call: Call) -> Reply:
    return Reply(body={"value": [_subscription(arm)]})


async def _one(arm: Arm, call: Call) -> Reply:
    _check(arm, call)
    return Reply(body=_subscription(arm))


async def _tenants(arm: Arm, call: Call) -> Reply:
    return Reply(
        body={"value": [{"id": f"/tenants/{arm.tenant}", "tenantId": arm.tenant, "displayName": "Local Azure"}]}
    )


async def _locations(arm: Arm, call: Call) -> Reply:
    _check(arm, call)
    return Reply(
        body={
            "value": [
                {
                    "id": f"/subscriptions/{arm.subscription}/locations/{name}",
                    "name": name,
                    "type": "Region",
                    "displayName": shown,
                    "regionalDisplayName": shown,
                    "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
                }
                for name, shown in LOCATIONS.items()
            ]
        }
    )


async def _providers(arm: Arm, call: Call) -> Reply:
    _check(arm, call)
    return Reply(body={"value": [_provider(arm, namespace) for namespace in _namespaces(arm)]})


async def _one_provider(arm: Arm, call: Call) -> Reply:
    _check(arm, call)
    for namespace in _namespaces(arm):
        if namespace.lower() == call.path["namespace"].lower():
            return Reply(body=_provider(arm, namespace))
    raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{call.path['namespace']}' is invalid.")


async def _register(arm: Arm, call: Call) -> Reply:
    set_registration(arm.store, call.path["namespace"], REGISTERED)
    return await _one_provider(arm, call)


async def _unregister(arm: Arm, call: Call) -> Reply:
    set_registration(arm.store, call.path["namespace"], UNREGISTERED)
    return await _one_provider(arm, call)


def _namespaces(arm: Arm) -> list[str]:
    return sorted({kind.type.partition("/")[0] for kind in arm.types()})


def _provider(arm: Arm, namespace: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{arm.subscription}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": registration(arm.store, namespace),
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [
            entry
            for kind in arm.types()
            if kind.type.startswith(namespace + "/")
            for entry in (_type(kind.type, kind), *(_type(f"{kind.type}/{child}", kind) for child in kind.children))
        ],
    }


def _type(name: str, kind: ResourceType) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "resourceType": name.partition("/")[2],
        "locations": list(LOCATIONS.values()),
        "apiVersions": [
            "2026-04-01",
            "2026-03-01",
            "2025-05-01",
            "2025-04-01",
            "2025-01-02",
            "2024-11-01",
            "2021-04-01",
        ],
        "defaultApiVersion": "2025-04-01",
        "capabilities": "SupportsTags, SupportsLocation" if kind.tracked else "None",
    }
    if kind.zones:
        shown["zoneMappings"] = [{"location": place, "zones": ["1", "2", "3"]} for place in LOCATIONS.values()]
    return shown


_S = "/subscriptions/{subscription}"
ROUTES = (
    Route("GET", "/subscriptions", _all),
    Route("GET", _S, _one),
    Route("GET", "/tenants", _tenants),
    Route("GET", f"{_S}/locations", _locations),
    Route("GET", f"{_S}/providers", _providers),
    Route("GET", f"{_S}/providers/{{namespace}}", _one_provider),
    Route("POST", f"{_S}/providers/{{namespace}}/register", _register),
    Route("POST", f"{_S}/providers/{{namespace}}/unregister", _unregister),
)
