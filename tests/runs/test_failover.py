"""A cell goes elsewhere when its location has no room, and tries again where that may help; on local Azure's real server."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from localazure.conftest import RunningServer

from harness.clusters.api import Cluster
from harness.errors import HarnessError, Outcome, QuotaError, Remedy
from harness.runs.api import Phase
from harness.runs.awaiting import wait_for_cluster
from harness.runs.ledger import Entry, Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.state import RunState
from harness.runs.teardown import teardown
from harness.settings import Settings

CELL = "v1.37.2-kubeadm-westeurope"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def refuse(server: RunningServer, path: str, code: str, count: int = 1) -> None:
    server.ok(
        "POST", "/localazure/faults", {"kind": code, "method": "PUT", "path": path, "count": count, "status": 409}
    )


def run(settings: Settings, parts: Parts) -> tuple[Lifecycle, Cluster | HarnessError]:
    """A run until its only cell is up or has failed."""
    lifecycle = Lifecycle.open(settings.changed(workers=1), None, parts=parts)
    lifecycle.prepare()
    lifecycle.start()
    soon = datetime.now(UTC) + timedelta(seconds=30)
    try:
        return lifecycle, wait_for_cluster(lifecycle.folder.path, CELL, soon)
    except HarnessError as error:
        return lifecycle, error


def moves(lifecycle: Lifecycle) -> list[Entry]:
    return [entry for entry in Ledger(lifecycle.folder.ledger).read() if entry.kind == "moved"]


def groups(server: RunningServer) -> list[str]:
    return [found["name"] for found in server.ok("GET", "/resourcegroups")["value"]]


@pytest.mark.parametrize("code", ["SkuNotAvailable", "AllocationFailed"])
def test_a_location_without_room_sends_the_cell_to_the_next(
    settings: Settings, azure: Parts, server: RunningServer, code: str
) -> None:
    refuse(server, "virtualMachines/m1", code)
    lifecycle, cluster = run(settings.changed(failover_location=("westeurope", "northeurope")), azure)
    assert isinstance(cluster, Cluster)
    assert (cluster.location, cluster.group) == ("northeurope", f"harness-{lifecycle.plan.run}-1-2")
    assert groups(server) == [cluster.group], "what the first attempt left is gone already"
    [move] = moves(lifecycle)
    assert [move.text(name) for name in ("source", "target", "group", "code", "outcome")] == [
        *("westeurope", "northeurope", cluster.group, code, "quota")
    ]
    state = RunState.of(Ledger(lifecycle.folder.ledger).read())
    assert state.remaining["resourceGroup", cluster.group].location == "northeurope"
    assert lifecycle.finish(aborted=False) is Outcome.PASSED
    assert groups(server) == []


def test_exhausted_cores_are_known_by_the_usages(settings: Settings, azure: Parts, server: RunningServer) -> None:
    """The code says only that the operation is not allowed."""
    server.ok("POST", "/localazure/config", {"quota": {"westeurope": {"cores": 2}}})
    lifecycle, cluster = run(settings.changed(failover_location=("northeurope",)), azure)
    assert isinstance(cluster, Cluster)
    assert cluster.location == "northeurope"
    assert moves(lifecycle)[0].text("outcome") == "quota"
    lifecycle.finish(aborted=False)


def test_without_another_location_it_is_a_quota_error(settings: Settings, azure: Parts, server: RunningServer) -> None:
    refuse(server, "virtualMachines/m1", "AllocationFailed")
    lifecycle, error = run(settings, azure)
    assert isinstance(error, QuotaError)
    assert lifecycle.finish(aborted=False) is Outcome.QUOTA
    phase = RunState.of(Ledger(lifecycle.folder.ledger).read()).phases[CELL, Phase.UP]
    assert "DeploymentFailed" in phase.log_tail
    assert groups(server) == []


def test_no_room_anywhere(settings: Settings, azure: Parts, server: RunningServer) -> None:
    refuse(server, "virtualMachines/m1", "AllocationFailed", -1)
    lifecycle, error = run(settings.changed(failover_location=("northeurope", "uksouth")), azure)
    assert isinstance(error, QuotaError)
    assert [move.text("target") for move in moves(lifecycle)] == ["northeurope", "uksouth"]
    assert lifecycle.finish(aborted=False) is Outcome.QUOTA
    assert groups(server) == []


@pytest.mark.parametrize(("times", "outcome"), [(1, Outcome.PASSED), (2, Outcome.CLOUD)])
def test_a_machine_that_did_not_start_is_tried_once_more_in_its_place(
    settings: Settings, azure: Parts, server: RunningServer, times: int, outcome: Outcome
) -> None:
    refuse(server, "virtualMachines/m1", "OSProvisioningTimedOut", times)
    lifecycle, _ = run(settings.changed(failover_location=("northeurope",)), azure)
    assert [move.text("target") for move in moves(lifecycle)] == ["westeurope"]
    assert (lifecycle.folder.cell(CELL).logs / "attempt-1" / "console.log").exists(), "the evidence is kept"
    assert lifecycle.finish(aborted=False) is outcome
    assert groups(server) == []


@pytest.mark.parametrize("code", ["AuthorizationFailed", "InvalidTemplate"])
def test_what_would_fail_again_is_not_tried_again(
    settings: Settings, azure: Parts, server: RunningServer, code: str
) -> None:
    refuse(server, "virtualMachines/m1", code)
    lifecycle, error = run(settings.changed(failover_location=("northeurope",)), azure)
    assert isinstance(error, HarnessError)
    assert moves(lifecycle) == []
    lifecycle.finish(aborted=False)


def test_a_failed_attempt_that_does_not_go_is_removed_with_the_cell(
    settings: Settings, azure: Parts, server: RunningServer
) -> None:
    refuse(server, "virtualMachines/m1", "AllocationFailed")
    stubborn: dict[str, Any] = {"kind": "AuthorizationFailed", "method": "DELETE"}
    server.ok("POST", "/localazure/faults", stubborn)
    lifecycle, cluster = run(settings.changed(failover_location=("northeurope",)), azure)
    assert isinstance(cluster, Cluster)
    assert len(groups(server)) == 2
    assert lifecycle.finish(aborted=False) is Outcome.PASSED
    assert groups(server) == []


@pytest.mark.parametrize("listed", [True, False])
def test_what_cannot_be_proven_gone_stays_in_the_ledger_until_it_can(
    settings: Settings, azure: Parts, server: RunningServer, listed: bool
) -> None:
    """The group is gone, and whether its identity's role assignment is, or that there is one, the service does not say."""
    lifecycle, cluster = run(settings, azure)
    assert isinstance(cluster, Cluster)
    path = f"/resourceGroups/{cluster.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
    principal = server.ok("PUT", path, {"location": "westeurope"})["properties"]["principalId"]
    role = f"{server.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    assignment = f"/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    server.ok("PUT", assignment, {"properties": {"roleDefinitionId": role, "principalId": principal}})
    forbidden = {"kind": "AuthorizationFailed", "method": "GET", "path": assignment if listed else "roleAssignments$"}
    server.ok("POST", "/localazure/faults", {**forbidden, "count": -1})
    assert lifecycle.finish(aborted=False) is Outcome.CLOUD
    assert groups(server) == []
    remaining = RunState.of(Ledger(lifecycle.folder.ledger).read()).remaining
    assert list(remaining) == [("resourceGroup", cluster.group)]

    server.ok("DELETE", "/localazure/faults")
    assert teardown(lifecycle.folder, kept=True, parts=azure, role="down") is Outcome.PASSED
    assert RunState.of(Ledger(lifecycle.folder.ledger).read()).remaining == {}
    assert server.call("GET", assignment).status_code == 404


@pytest.mark.parametrize("outcome", [item for item in Outcome if item not in (Outcome.QUOTA, Outcome.CLOUD)])
def test_the_product_is_never_retried(settings: Settings, parts: Parts, outcome: Outcome) -> None:
    from harness.runs.placement import Placement, next_placement

    plan = Lifecycle.open(settings, None, parts=parts).plan
    error = HarnessError("x", remedy=Remedy.AGAIN)
    error.outcome = outcome
    tried = [Placement.first(plan, plan.cells[0])]
    assert next_placement(plan, plan.cells[0], ("northeurope",), tried, error) is None
