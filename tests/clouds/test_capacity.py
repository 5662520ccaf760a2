"""What a location offers and has free, as local Azure's server tells it and enforces it."""

from __future__ import annotations

from typing import Any

import pytest
from localazure.conftest import RunningServer

from harness.clouds.arm import Arm
from harness.clouds.room import Demand, Room, settled
from harness.errors import CloudError, QuotaError

PLACE, OTHER = "westeurope", "northeurope"
SIZE = "Standard_D2s_v5"


def config(server: RunningServer, **fields: Any) -> None:
    server.ok("POST", "/localazure/config", fields)


def test_room_is_the_scarcest_of_the_quotas_of_the_location(server: RunningServer, arm: Arm) -> None:
    assert arm.survey(PLACE, SIZE).machines == 175
    config(server, quota={PLACE: {"cores": 20, "standardDSv5Family": 7, "PublicIPAddresses": 3}, "cores": 40})
    room = arm.survey(PLACE, SIZE.lower())
    assert (room.cores, room.free_cores, room.free_addresses, room.machines) == (2, 7, 3, 3)
    assert arm.survey(OTHER, SIZE).free_cores == 40


def test_what_is_used_is_not_free(server: RunningServer, arm: Arm) -> None:
    arm.create_group("g", PLACE, {})
    body = {"location": PLACE, "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    before = arm.survey(PLACE, SIZE).free_addresses
    server.ok("PUT", "/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/a", body)
    assert arm.survey(PLACE, SIZE).free_addresses == before - 1


def test_a_restricted_size_is_shown_and_refused(server: RunningServer, arm: Arm) -> None:
    config(server, quota={PLACE: {SIZE: 0}})
    room = arm.survey(PLACE, SIZE)
    assert room.offered
    assert room.machines == 0
    assert room.lacks(Demand(1, 0)) == f"{SIZE} is not to be had in {PLACE}: NotAvailableForSubscription"
    assert arm.survey(OTHER, SIZE).refusal == ""
    arm.create_group("g", PLACE, {})
    body = {"location": PLACE, "properties": {"hardwareProfile": {"vmSize": SIZE}}}
    refused = server.call("PUT", "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m", body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "SkuNotAvailable")


def test_a_size_nobody_knows(arm: Arm) -> None:
    room = arm.survey(PLACE, "Standard_Nonsense")
    assert not room.offered
    assert "does not offer" in room.lacks(Demand(1, 0))


def test_providers_are_registered_once(server: RunningServer, arm: Arm) -> None:
    server.ok("POST", "/providers/Microsoft.Network/unregister")
    arm.create_group("g", PLACE, {})
    path = "/resourceGroups/g/providers/Microsoft.Network/routeTables/t"
    refused = server.call("PUT", path, {"location": PLACE})
    assert refused.json()["error"]["code"] == "MissingSubscriptionRegistration"
    said: list[str] = []
    arm.register(said.append)
    arm.register(said.append)
    assert said == ["registering resource provider Microsoft.Network"]
    assert server.call("PUT", path, {"location": PLACE}).ok


def test_providers_that_may_not_be_registered(server: RunningServer, arm: Arm) -> None:
    server.ok("POST", "/providers/Microsoft.Network/unregister")
    fault = {"kind": "AuthorizationFailed", "method": "POST", "path": "register"}
    server.ok("POST", "/localazure/faults", fault)
    with pytest.raises(CloudError, match=r"register resource provider Microsoft\.Network") as caught:
        arm.register(print)
    assert caught.value.code == "AuthorizationFailed"


def test_an_ambiguous_refusal_is_settled_by_numbers() -> None:
    refused = CloudError("deploy", code="OperationNotAllowed", last_seen="not allowed")
    full, roomy = Room(PLACE, SIZE, 2, 1, 9), Room(PLACE, SIZE, 2, 2, 9)
    assert settled(refused, roomy) is refused
    error = settled(refused, full)
    assert isinstance(error, QuotaError)
    assert "2 cores for 1 x Standard_D2s_v5, 1 free" in error.last_seen


def test_room_is_taken_and_given_back() -> None:
    room, demand = Room(PLACE, SIZE, 2, 8, 2), Demand(3, 1)
    left = room.without(demand)
    assert (left.free_cores, left.free_addresses) == (2, 1)
    assert left.lacks(demand) == f"{PLACE} lacks room: 6 cores for 3 x {SIZE}, 2 free"
    assert left.without(Demand(-3, -1)) == room
