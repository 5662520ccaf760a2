"""A group is gone when everything says so, and what stands in the way is named; on local Azure's real server."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from localazure.conftest import RunningServer

from harness.clouds.arm import Arm
from harness.clouds.deletion import delete_group
from harness.clouds.obstacles import Limits
from harness.errors import CloudError, LeakError

from .conftest import opened

PLACE = "westeurope"
GROUP = "harness-r-1"
TAGS = {"harness-run": "r", "harness-cell": "c"}
QUICK = Limits(locked=0.3, in_use=1.0, stuck=0.3, nudges=1, lookup=3.0, forbidden=1.0)
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


@pytest.fixture(autouse=True)
def group(server: RunningServer, arm: Arm) -> None:
    arm.create_group(GROUP, PLACE, TAGS)
    server.ok("PUT", f"/resourceGroups/{GROUP}/providers/Microsoft.Network/routeTables/t", {"location": PLACE})


def delete(arm: Arm, seconds: float = 10, said: list[str] | None = None) -> None:
    limit = datetime.now(UTC) + timedelta(seconds=seconds)
    delete_group(arm.resources, arm.rest, GROUP, limit, 0.02, QUICK, (said if said is not None else []).append)


def leak(arm: Arm, seconds: float = 10) -> LeakError:
    with pytest.raises(LeakError) as caught:
        delete(arm, seconds)
    return caught.value


def groups(server: RunningServer) -> list[str]:
    return [found["name"] for found in server.ok("GET", "/resourcegroups")["value"]]


def fault(server: RunningServer, kind: str, **fields: Any) -> None:
    server.ok("POST", "/localazure/faults", {"kind": kind, **fields})


def requests(server: RunningServer, method: str, path: str) -> int:
    query = f"/localazure/journal?method={method}&path={path}"
    return sum(entry["principal"] == "client" for entry in server.ok("GET", query)["value"])


def test_deleted_proven_and_deleted_again(server: RunningServer, arm: Arm) -> None:
    delete(arm)
    assert groups(server) == []
    assert requests(server, "GET", f"(?i)resourcegroups/{GROUP}$") >= 2, "looked at, after its deletion had ended"
    assert requests(server, "GET", "(?i)resourcegroups$") >= 1, "looked for in the list"
    delete(arm)


@pytest.mark.parametrize("kind", ["error", "throttled", "unheard", "unanswered", "cut", "ServiceUnavailable"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_answer_that_fails_says_nothing(server: RunningServer, arm: Arm, kind: str, method: str) -> None:
    fault(server, kind, method=method, path=f"resourcegroups/{GROUP}$", count=2, seconds=0.1)
    delete(arm)
    assert groups(server) == []


@pytest.mark.parametrize("path", [f"resourcegroups/{GROUP}$", "dnszones$"])
def test_a_wait_that_a_failure_asks_for_is_told(server: RunningServer, arm: Arm, path: str) -> None:
    said: list[str] = []
    fault(server, "ServiceUnavailable", path=path, seconds=2)
    delete(arm, said=said)
    assert [text.partition("; ")[2] for text in said] == ["asking again in 2 s"]
    assert "ServiceUnavailable" in said[0]


def test_a_get_that_never_works_is_a_leak(server: RunningServer, arm: Arm) -> None:
    """Even though the group is gone: nobody can know."""
    fault(server, "error", method="GET", path=f"resourcegroups/{GROUP}$", count=-1)
    assert "InternalServerError" in leak(arm, 1).last_seen


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_throttling_that_outlasts_the_deadline_is_a_leak_before_it(server: RunningServer, method: str) -> None:
    fault(server, "throttled", method=method, path=f"resourcegroups/{GROUP}$", count=-1, seconds=3)
    began = time.monotonic()
    with opened(server, patience=60.0) as arm:
        error = leak(arm, 5)
    assert time.monotonic() - began < 5
    assert "which Azure's throttling outlasts" in error.awaited
    assert f"az group delete --yes --name {GROUP}" in error.log_tail


def test_a_deletion_that_fails_is_asked_for_again(server: RunningServer, arm: Arm) -> None:
    fault(server, "misreported", method="DELETE", path="routeTables/t", code="AnotherOperationInProgress")
    delete(arm)
    assert groups(server) == []


def test_what_is_in_use_goes_one_by_one(server: RunningServer, arm: Arm) -> None:
    said: list[str] = []
    fault(server, "conflict", method="DELETE", path=f"resourcegroups/{GROUP}$", count=2)
    delete(arm, said=said)
    assert groups(server) == []
    assert requests(server, "DELETE", "routeTables/t") == 1
    assert "AnotherOperationInProgress" in said[0]


def test_what_stays_in_use_is_a_leak_at_its_limit(server: RunningServer, arm: Arm) -> None:
    fault(server, "conflict", method="DELETE", count=-1)
    began = time.monotonic()
    error = leak(arm, 60)
    assert time.monotonic() - began < 20
    table = f"{server.subscription}/resourceGroups/{GROUP}/providers/Microsoft.Network/routeTables/t"
    assert f"az resource delete --ids '{table}'" in error.log_tail
    assert f"az group delete --yes --name {GROUP}" in error.log_tail
    assert table in error.last_seen


def test_a_stuck_deletion_is_asked_for_again(server: RunningServer, arm: Arm) -> None:
    said: list[str] = []
    fault(server, "never", method="DELETE", path=f"resourcegroups/{GROUP}$")
    delete(arm, said=said)
    assert groups(server) == []
    assert "does not end" in said[0]


def test_a_deletion_that_is_always_stuck_is_a_leak_at_the_deadline(server: RunningServer, arm: Arm) -> None:
    fault(server, "never", method="DELETE", path=f"resourcegroups/{GROUP}$", count=-1)
    assert "until the deadline" in leak(arm, 3).awaited
    assert requests(server, "DELETE", f"resourcegroups/{GROUP}$") == 1 + QUICK.nudges


def test_a_lock_is_left_alone_and_named(server: RunningServer, arm: Arm) -> None:
    path = f"/resourceGroups/{GROUP}/providers/Microsoft.Authorization/locks/keep"
    server.ok("PUT", path, {"properties": {"level": "CanNotDelete"}})
    error = leak(arm, 60)
    assert f"az lock delete --ids '{server.subscription}{path}'" in error.log_tail
    assert "until a lock" in error.awaited
    assert server.call("GET", path).ok
    server.ok("DELETE", path)
    delete(arm)


def test_a_forbidden_deletion_is_told_at_once(server: RunningServer, arm: Arm) -> None:
    fault(server, "AuthorizationFailed", method="DELETE", count=-1)
    began = time.monotonic()
    with pytest.raises(CloudError) as caught:
        delete(arm, 60)
    assert caught.value.code == "AuthorizationFailed"
    assert time.monotonic() - began < 20


def identity(server: RunningServer) -> str:
    path = f"/resourceGroups/{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
    return str(server.ok("PUT", path, {"location": PLACE})["properties"]["principalId"])


def assigned(server: RunningServer, principal: str, scope: str = "") -> str:
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    role = f"{server.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    server.ok("PUT", path, {"properties": {"roleDefinitionId": role, "principalId": principal}})
    return path


def recorded(server: RunningServer, name: str, metadata: dict[str, str]) -> str:
    server.ok("PUT", "/resourceGroups/dns", {"location": PLACE})
    zone = "/resourceGroups/dns/providers/Microsoft.Network/dnsZones/example.org"
    server.ok("PUT", zone, {"location": "global"})
    body = {"properties": {"metadata": metadata, "TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.9"}]}}
    server.ok("PUT", f"{zone}/A/{name}", body)
    return f"{zone}/A/{name}"


def deployed(server: RunningServer, name: str, tags: dict[str, str]) -> str:
    path = f"/providers/Microsoft.Resources/deployments/{name}"
    schema = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
    template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": []}
    properties = {"mode": "Incremental", "template": template}
    server.ok("PUT", path, {"location": PLACE, "tags": tags, "properties": properties})
    return path


def test_what_outlives_the_group_goes_too_and_nothing_else(server: RunningServer, arm: Arm) -> None:
    server.ok("PUT", "/resourceGroups/other", {"location": PLACE})
    principal, stranger = identity(server), str(uuid.uuid4())
    ours = [
        assigned(server, principal),
        assigned(server, principal, "/resourceGroups/other"),
        recorded(server, "api", TAGS),
        deployed(server, "cluster", TAGS),
    ]
    others = [
        assigned(server, stranger),
        recorded(server, "www", {"harness-run": "r", "harness-cell": "another"}),
        recorded(server, "mail", {}),
        deployed(server, "theirs", {}),
    ]
    delete(arm)
    assert [path for path in ours if server.call("GET", path).status_code != 404] == []
    assert [path for path in others if not server.call("GET", path).ok] == []


def test_what_outlives_the_group_and_does_not_go_is_a_leak(server: RunningServer, arm: Arm) -> None:
    path = assigned(server, identity(server))
    fault(server, "misreported", method="DELETE", path="roleAssignments", count=1, code="InternalServerError")
    delete(arm)
    arm.create_group(GROUP, PLACE, TAGS)
    path = assigned(server, identity(server))
    fault(server, "conflict", method="DELETE", path="roleAssignments", count=-1)
    error = leak(arm, 30)
    assert path in error.log_tail
    assert "az rest --method delete" in error.log_tail


def test_a_group_that_goes_while_its_identities_are_read_is_gone(server: RunningServer, arm: Arm) -> None:
    """Another sweep deletes it, between the GET of the group and the list of its machines."""
    fault(server, "vanished", method="GET", path=f"resourcegroups/{GROUP}/providers/Microsoft.Compute/virtualMachines$")
    delete(arm)
    assert groups(server) == []


def test_a_zone_that_goes_while_its_records_are_read_hides_nothing_else(server: RunningServer, arm: Arm) -> None:
    """404 of something else does not mean that the group is gone, nor that nothing outlives it."""
    ours = [assigned(server, identity(server)), deployed(server, "cluster", TAGS), recorded(server, "api", TAGS)]
    fault(server, "vanished", method="GET", path="dnszones/example.org/recordsets")
    delete(arm)
    assert [path for path in ours if server.call("GET", path).status_code != 404] == []
    assert groups(server) == []


def test_a_leak_of_what_outlives_a_group_does_not_name_the_group_that_is_gone(server: RunningServer, arm: Arm) -> None:
    path = assigned(server, identity(server))
    fault(server, "never", method="DELETE", path="roleAssignments", count=-1)
    error = leak(arm, 3)
    assert groups(server) == []
    assert path in error.last_seen
    assert "az rest --method delete" in error.log_tail
    assert "resource group" not in error.last_seen
    assert "az group delete" not in error.log_tail
    assert "cannot be listed" not in error.log_tail


def test_an_outage_of_what_knows_the_outliving_does_not_keep_the_machines_running(
    server: RunningServer, arm: Arm
) -> None:
    """It ends after the group has gone: what outlives the group is still found."""
    path, said = assigned(server, identity(server)), list[str]()
    fault(server, "error", method="GET", path="(dnszones|roleAssignments)$", count=-1)

    def recovers(text: str) -> None:
        said.append(text)
        if "all the same" in text:
            server.ok("DELETE", "/localazure/faults")
            fault(server, "error", method="GET", path="(dnszones|roleAssignments)$", count=3)

    limit = datetime.now(UTC) + timedelta(seconds=20)
    delete_group(arm.resources, arm.rest, GROUP, limit, 0.02, replace(QUICK, lookup=0.2), recovers)
    assert groups(server) == []
    assert server.call("GET", path).status_code == 404
    assert "InternalServerError" in said[0]


def test_an_outage_without_end_is_a_leak_that_says_what_was_not_looked_up(server: RunningServer, arm: Arm) -> None:
    principal = identity(server)
    path = assigned(server, principal)
    fault(server, "error", method="GET", path="roleAssignments$", count=-1)
    error = leak(arm, 5)
    assert groups(server) == []
    assert server.call("GET", path).ok
    assert "could not be looked up" in error.last_seen
    assert f"az role assignment list --all --assignee {principal}" in error.log_tail
    assert "az group delete" not in error.log_tail


def test_identities_that_cannot_be_read_do_not_keep_the_machines_running(server: RunningServer, arm: Arm) -> None:
    fault(server, "error", method="GET", path="Microsoft.Compute/virtualMachines$", count=-1)
    error = leak(arm, 5)
    assert groups(server) == []
    assert "az role assignment list --all" in error.log_tail


@pytest.mark.parametrize("path", ["dnszones$", "Microsoft.Compute/virtualMachines$", f"resourceGroups/{GROUP}$"])
def test_a_lookup_that_is_forbidden_for_a_moment_is_asked_again(server: RunningServer, arm: Arm, path: str) -> None:
    outliving = assigned(server, identity(server))
    fault(server, "AuthorizationFailed", method="GET", path=path, count=1)
    delete(arm, 60)
    assert groups(server) == []
    assert server.call("GET", outliving).status_code == 404


def test_a_lookup_that_is_forbidden_does_not_keep_the_machines_running(server: RunningServer, arm: Arm) -> None:
    fault(server, "AuthorizationFailed", method="GET", path="dnszones$", count=-1)
    began = time.monotonic()
    with pytest.raises(CloudError) as caught:
        delete(arm, 60)
    assert groups(server) == []
    assert caught.value.code == "AuthorizationFailed"
    assert f"look up what outlives resource group {GROUP}" in str(caught.value)
    assert time.monotonic() - began < 20


def test_a_lock_on_what_outlives_the_group_does_not_keep_the_machines_running(server: RunningServer, arm: Arm) -> None:
    path = assigned(server, identity(server))
    fault(server, "ScopeLocked", method="DELETE", path="roleAssignments", count=-1)
    error = leak(arm, 30)
    assert groups(server) == []
    assert path in error.log_tail


def test_a_subscription_without_a_provider_has_nothing_of_it(server: RunningServer, arm: Arm) -> None:
    fault(server, "MissingSubscriptionRegistration", method="GET", path="dnszones", count=-1)
    delete(arm)
    assert groups(server) == []


def test_many_deletions_go_on_at_the_same_time_once_they_are_asked_for(server: RunningServer, arm: Arm) -> None:
    names = [GROUP, "harness-r-2", "harness-r-3"]
    for name in names[1:]:
        arm.create_group(name, PLACE, TAGS)
    fault = {"kind": "operation", "method": "DELETE", "count": -1, "seconds": 0.3}
    server.ok("POST", "/localazure/faults", fault)
    for name in (*names, "harness-r-4"):  # the last one does not exist, which is no error
        arm.begin_delete_group(name)
    assert {group.state for group in arm.groups(TAGS)} == {"Deleting"}
    for name in names:
        arm.delete_group(name, datetime.now(UTC) + timedelta(seconds=20))
    assert arm.groups(TAGS) == []
