"""Faults: what a client sees of each, what is then true of the resource, and that the same seed gives the same ones."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.faults.api import Asked, Gone
from harness.localazure.arm.faults.codes import CODES
from harness.localazure.arm.faults.faults import Faults
from harness.localazure.arm.faults.kinds import KINDS, find_kind
from harness.localazure.arm.faults.reading import read_fault, write_fault
from harness.localazure.arm.store import Store

WEST = {"location": "westeurope"}
GROUP = "/resourceGroups/rg"
NSG = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/nsg"
PUT_NSG = "PUT Microsoft.Network/networkSecurityGroups"


@pytest.fixture
def group(server: Any) -> Any:
    server.ok("PUT", GROUP, WEST)
    return server


def fault(server: Any, kind: str | list[str], **fields: Any) -> None:
    server.ok("POST", "/localazure/faults", {"kind": kind, **fields})


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def state(server: Any, path: str) -> str:
    """``provisioningState``, or the error code of the GET."""
    answer = server.call("GET", path).json()
    return str(answer["error"]["code"] if "error" in answer else answer["properties"]["provisioningState"])


def poll(server: Any, answer: requests.Response, seconds: float = 5) -> dict[str, Any]:
    """The operation's last status: at its end, or after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        seen: dict[str, Any] = server.session.get(answer.headers["Azure-AsyncOperation"], timeout=5).json()
        if seen["status"] in ("Succeeded", "Failed", "Canceled") or time.monotonic() > until:
            return seen


@pytest.mark.parametrize(
    ("kind", "fields", "answer"),
    [
        ("conflict", {}, (409, "AnotherOperationInProgress")),
        ("precondition", {}, (412, "PreconditionFailed")),
        ("error", {}, (500, "InternalServerError")),
        ("error", {"status": 503, "code": "ServerBusy"}, (503, "ServerBusy")),
        ("AuthorizationFailed", {}, (403, "AuthorizationFailed")),
        ("SomethingNew", {"status": 418}, (418, "SomethingNew")),
    ],
)
def test_refused(group: Any, kind: str, fields: dict[str, Any], answer: tuple[int, str]) -> None:
    fault(group, kind, call=PUT_NSG, **fields)
    assert code(group.call("PUT", NSG, WEST)) == answer
    assert state(group, NSG) == "ResourceNotFound"
    assert group.call("PUT", NSG, WEST).status_code == 201
    [entry] = [entry for entry in group.ok("GET", "/localazure/journal")["value"] if entry["fault"]]
    assert (entry["fault"], entry["call"]) == (kind, PUT_NSG)


def test_throttled_says_when_to_come_again(group: Any) -> None:
    fault(group, "throttled", seconds=7, skip=1, method="put")
    assert group.call("PUT", NSG, WEST).ok
    answer = group.call("PUT", NSG, WEST)
    assert (code(answer), answer.headers["Retry-After"]) == ((429, "TooManyRequests"), "7")


def test_never_done_ends_when_it_is_deleted(group: Any) -> None:
    fault(group, "never", call=PUT_NSG)
    accepted = group.call("PUT", NSG, WEST)
    assert (accepted.status_code, accepted.json()["properties"]["provisioningState"]) == (201, "Creating")
    assert poll(group, accepted, 0.1)["status"] == "InProgress"
    assert group.call("DELETE", NSG).status_code == 200
    assert poll(group, accepted)["error"]["code"] == "OperationPreempted"
    assert state(group, NSG) == "ResourceNotFound"


def test_a_deletion_that_never_ends_can_be_asked_for_again(group: Any) -> None:
    fault(group, "never", call="DELETE Microsoft.Resources/resourceGroups")
    assert group.call("DELETE", GROUP).status_code == 202
    assert state(group, GROUP) == "Deleting"
    again = group.call("DELETE", GROUP)
    while (answer := group.session.get(again.headers["Location"], timeout=5)).status_code == 202:
        pass
    assert answer.status_code == 200
    assert state(group, GROUP) == "ResourceGroupNotFound"


def test_a_deletion_that_goes_on_is_not_waited_for_by_a_second_one(group: Any, fabric: Any) -> None:
    fault(group, "operation", call="DELETE Microsoft.Resources/resourceGroups", seconds=0.5)
    first = group.call("DELETE", GROUP)
    second = group.call("DELETE", GROUP)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.elapsed.total_seconds() < 0.5
    for polled in (first, second):
        while (answer := group.session.get(polled.headers["Location"], timeout=5)).status_code == 202:
            pass
        assert answer.status_code == 200


def test_a_part_that_never_goes_is_asked_again_with_its_group(group: Any) -> None:
    group.ok("PUT", NSG, WEST)
    fault(group, "never", call="DELETE Microsoft.Network/networkSecurityGroups")
    polled = [group.call("DELETE", GROUP).headers["Location"] for _ in range(2)]
    while (answer := group.session.get(polled[1], timeout=5)).status_code == 202:
        pass
    assert answer.status_code == 200
    assert state(group, GROUP) == "ResourceGroupNotFound"


def test_misreported_is_done_all_the_same(group: Any) -> None:
    fault(group, "misreported", call=PUT_NSG)
    assert code(group.call("PUT", NSG, WEST)) == (500, "InternalServerError")
    assert state(group, NSG) == "Failed"
    fault(
        group, "misreported", code="NetworkingInternalOperationError", call="DELETE Microsoft.Resources/resourceGroups"
    )
    polled = group.call("DELETE", GROUP).headers["Location"]
    while (answer := group.session.get(polled, timeout=5)).status_code == 202:
        pass
    assert code(answer) == (500, "NetworkingInternalOperationError")
    assert state(group, GROUP) == "ResourceGroupNotFound"


def test_accepted_and_then_failed(group: Any) -> None:
    fault(group, "AllocationFailed", path="nsg$")
    accepted = group.call("PUT", NSG, WEST)
    assert accepted.status_code == 201
    assert poll(group, accepted)["error"]["code"] == "AllocationFailed"
    assert state(group, NSG) == "Failed"


@pytest.mark.parametrize(("kind", "done"), [("cut", True), ("unanswered", True), ("unheard", False)])
def test_broken_connections(group: Any, kind: str, done: bool) -> None:
    fault(group, kind, call=PUT_NSG)
    with pytest.raises(requests.exceptions.RequestException) as broken:
        group.call("PUT", NSG, WEST)
    assert ("IncompleteRead" in str(broken.value)) == (kind == "cut")
    assert (state(group, NSG) == "Succeeded") == done


@pytest.mark.parametrize(
    ("target", "call", "left"),
    [
        (Gone.RESOURCE, "GET Microsoft.Network/networkSecurityGroups", "ResourceNotFound"),
        (Gone.GROUP, "GET Microsoft.Network/networkSecurityGroups", "ResourceGroupNotFound"),
        (Gone.GROUP, PUT_NSG, "ResourceGroupNotFound"),
    ],
)
def test_vanished(group: Any, target: str, call: str, left: str) -> None:
    fault(group, "vanished", target=target, call=call)
    assert group.call("PUT", NSG, WEST).status_code == 201
    assert state(group, NSG) == left


def test_only_in_a_location(group: Any) -> None:
    fault(group, "SkuNotAvailable", path="nsg", location="eastus", count=-1)
    assert group.call("PUT", NSG, {"location": "West Europe"}).status_code == 201
    assert code(group.call("PUT", f"{NSG}2", {"location": "East US"})) == (409, "SkuNotAvailable")
    assert code(group.call("GET", f"{NSG}2")) == (404, "ResourceNotFound")


def deploy(server: Any, *kinds: str) -> dict[str, Any]:
    """Deploy one of each; the operation's end."""
    resources = [
        {"type": f"Microsoft.Network/{kind}", "apiVersion": "2025-05-01", "name": "x", "location": "westeurope"}
        for kind in kinds
    ]
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": resources,
    }
    path = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
    return poll(server, server.call("PUT", path, {"properties": {"mode": "Incremental", "template": template}}))


def test_what_a_deployment_asks_for_meets_faults_too(group: Any) -> None:
    fault(group, "QuotaExceeded", call=PUT_NSG)
    ended = deploy(group, "networkSecurityGroups", "routeTables")
    assert [detail["code"] for detail in ended["error"]["details"]] == ["QuotaExceeded"]
    [entry] = [entry for entry in group.ok("GET", "/localazure/journal")["value"] if entry["fault"]]
    assert (entry["principal"], entry["call"], entry["status"]) == ("arm", PUT_NSG, 409)
    assert state(group, f"{GROUP}/providers/Microsoft.Network/routeTables/x") == "Succeeded"


def test_a_group_goes_though_a_part_of_it_never_came(group: Any) -> None:
    fault(group, "never", call=PUT_NSG)
    path = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Network/networkSecurityGroups",
                "apiVersion": "2025-05-01",
                "name": "x",
                "location": "westeurope",
            }
        ],
    }
    deployment = group.call("PUT", path, {"properties": {"mode": "Incremental", "template": template}})
    assert poll(group, deployment, 0.2)["status"] == "InProgress"
    polled = group.call("DELETE", GROUP).headers["Location"]
    until = time.monotonic() + 5
    while group.session.get(polled, timeout=5).status_code == 202:
        assert time.monotonic() < until
    assert state(group, GROUP) == "ResourceGroupNotFound"


def test_a_group_whose_part_refuses_to_go_stays(group: Any) -> None:
    group.ok("PUT", NSG, WEST)
    fault(group, "InUse", call="DELETE Microsoft.Network/networkSecurityGroups")
    for answer in (409, 200):
        polled = group.call("DELETE", GROUP).headers["Location"]
        while (seen := group.session.get(polled, timeout=5)).status_code == 202:
            pass
        assert seen.status_code == answer
    assert state(group, GROUP) == "ResourceGroupNotFound"


def test_quota_and_offers_of_one_location(group: Any) -> None:
    limits = {"PublicIPAddresses": 5, "westeurope": {"publicIPAddresses": 0, "Standard_D2s_v5": 0}}
    group.ok("POST", "/localazure/config", {"quota": limits})
    path = f"{GROUP}/providers/Microsoft.Network/publicIPAddresses"
    assert code(group.call("PUT", f"{path}/a", WEST)) == (400, "PublicIPCountLimitReached")
    assert group.call("PUT", f"{path}/b", {"location": "eastus"}).ok
    for location, reasons in (("westeurope", ["NotAvailableForSubscription"]), ("eastus", [])):
        skus = group.ok("GET", f"/providers/Microsoft.Compute/skus?$filter=location eq '{location}'")["value"]
        [sku] = [sku for sku in skus if sku["name"] == "Standard_D2s_v5"]
        assert [restriction["reasonCode"] for restriction in sku["restrictions"]] == reasons
    assert group.ok("GET", "/localazure/config")["quota"] == limits
    answer = group.call("POST", "/localazure/config", {"quota": {"atlantis": {"cores": 1}}})
    assert "westeurope" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([1], "an object with kind"),
        ({"kind": "nonsense"}, "Unknown kind 'nonsense': there are throttled"),
        ({}, "Kind is missing"),
        ({"kind": "delay", "colour": 1}, "Unknown colour"),
        ({"kind": "delay", "seconds": "long"}, "Seconds is a number"),
        ({"kind": "delay", "seconds": -1}, "Seconds is from 0"),
        ({"kind": "delay", "path": "("}, "not a regular expression"),
        ({"kind": "error", "status": 200}, "from 400 to 599"),
        ({"kind": "error", "location": "atlantis"}, "Unknown location 'atlantis': there are westeurope"),
        ({"kind": ["error", "delay"]}, "need a seed"),
        ({"kind": "error", "seed": "x"}, "Seed is a whole number"),
        ({"kind": "vanished", "target": "all"}, "Target is resource or group"),
    ],
)
def test_what_is_wrong_with_a_fault_is_said(group: Any, raw: Any, said: str) -> None:
    answer = group.call("POST", "/localazure/faults", raw)
    assert code(answer) == (400, "InvalidFault")
    assert said in answer.json()["error"]["message"]
    assert group.ok("GET", "/localazure/faults")["value"] == []


def test_all_kinds_are_shown(group: Any) -> None:
    shown = [kind["kind"] for kind in group.ok("GET", "/localazure/kinds")["value"]]
    assert shown == [*KINDS, *CODES]


def met(tmp_path: Path, calls: list[str], **fields: Any) -> list[str]:
    """What each of these calls meets, of a seeded fault in a store of its own."""
    store = Store(tmp_path / "seeded.sqlite")
    faults = Faults(store)
    faults.clear()
    faults.add({"count": -1, **fields})
    seen = [faults.meet(Asked(call.split()[0], "/x", call, group)) for group, call in (one.split("|") for one in calls)]
    store.close()
    return [found.kind if found else "" for found in seen]


def test_same_seed_same_faults(tmp_path: Path) -> None:
    calls = [f"{group}|{verb} a/b" for _ in range(200) for verb in ("PUT", "GET") for group in ("one", "two")]
    fields = {"kind": ["throttled", "error", "never"], "rate": 0.3, "seed": 7}
    first = met(tmp_path, calls, **fields)
    assert first == met(tmp_path, calls, **fields)
    assert first != met(tmp_path, calls, **{**fields, "seed": 8})
    assert first[0::2] == first[1::2], "each group meets the same"
    hit = [kind for kind in first if kind]
    assert 0.2 < len(hit) / len(first) < 0.4
    assert set(hit) == {"throttled", "error", "never"}
    assert "never" not in {kind for kind, call in zip(first, calls, strict=True) if "GET" in call}
    order = sorted(range(len(calls)), key=lambda place: calls[place])
    apart = met(tmp_path, [calls[place] for place in order], **fields)
    assert [first[place] for place in order] == apart, "how other calls come in between plays no part"


def test_faults_survive_the_server(tmp_path: Path) -> None:
    store = Store(tmp_path / "faults.sqlite")
    Faults(store).add([{"kind": "error", "count": 2}, {"kind": "delay", "seed": 3, "rate": 0.5, "count": -1}])
    asked = Asked("GET", "/x", "GET a/b")
    assert [Faults(store).meet(asked) is not None for _ in range(2)] == [True, True], "two servers, one after the other"
    seeded = [Faults(store).meet(asked) is not None for _ in range(30)]
    again = Store(tmp_path / "other.sqlite")
    one = Faults(again)
    one.add({"kind": "delay", "seed": 3, "rate": 0.5, "count": -1})
    assert seeded == [one.meet(asked) is not None for _ in range(30)]
    assert Counter(seeded)[True] > 5
    store.close()
    again.close()


names = st.sampled_from([*KINDS, *CODES])


@settings(deadline=None)  # a busy host is no failure
@given(
    kind=names,
    count=st.integers(-1, 50),
    skip=st.integers(0, 5),
    seconds=st.floats(0, 100),
    call=st.booleans(),
    location=st.sampled_from(["", "eastus"]),
    seed=st.none() | st.integers(0, 99),
)
def test_a_fault_reads_back(kind: str, call: bool, **raw: Any) -> None:
    named = (KINDS[kind].call if kind in KINDS else "") or PUT_NSG
    fault = read_fault({"kind": kind, "call": named if call else "", **raw})
    assert read_fault(write_fault(fault)) == fault
    found = find_kind(fault.kinds[0])
    assert found
    found.effect(fault)


def test_what_is_no_code_is_no_kind() -> None:
    with pytest.raises(ArmError, match="Unknown kind"):
        read_fault({"kind": "not-a-code"})
