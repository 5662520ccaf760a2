"""A session whose tests fail and leave things: evidence is there when it ends, namespaces are not, and what is left is told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from clusters.api_server import ApiServer, serving

from .project import CELL, CONFTEST, Outcome, Project

MORE = """

def with_kubeconfig(base, config):
    import shutil

    class Deployer(base):
        def up(self, request, recorder):
            shutil.copy(config.rootpath / "kubeconfig", request.folder / "kubeconfig")
            return super().up(request, recorder)

    return Deployer


def with_lists(base):
    from types import SimpleNamespace as Some

    class Listed(base):
        nothing = Some(list=lambda group: [])
        network = Some(load_balancers=nothing, network_security_groups=nothing, route_tables=nothing)
        resources = Some(resources=Some(list_by_resource_group=lambda group, expand: []))

    return Listed
"""

TESTS = """
import pytest
from kubernetes import client


def test_passes(namespace):
    assert namespace


def test_fails(namespace):
    assert not "client_secret=hunter2"


def test_leaves(kube):
    client.RbacAuthorizationV1Api(kube).create_cluster_role({"metadata": {"name": "left-role"}})
"""

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


@pytest.fixture
def api_server() -> Iterator[ApiServer]:
    with serving() as told:
        told.kind("", "v1", "Namespace", "namespaces")
        told.kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles")
        told.objects["/api/v1/namespaces/default/events"] = []
        yield told


@pytest.fixture
def mine(project: Project, api_server: ApiServer) -> Project:
    api_server.kubeconfig(project.folder / "kubeconfig")
    conftest = CONFTEST.replace("lambda name: FileDeployer", "lambda name: with_kubeconfig(FileDeployer, config)")
    project.write(
        "conftest.py", conftest.replace("lambda name: FileCloud", "lambda name: with_lists(FileCloud)") + MORE
    )
    project.write("suites/mine/test_it.py", TESTS)
    return project


def evidence(project: Project) -> list[dict]:
    cell = project.folder / "reports" / "latest" / "cells" / CELL
    return [json.loads(path.read_text()) for path in sorted(cell.glob("failures/*/evidence.json"))]


def leftovers(project: Project) -> list[dict]:
    return json.loads((project.folder / "reports" / "latest" / "cells" / CELL / "leftovers.json").read_text())["things"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_failed_test_is_read_and_its_namespace_deleted(mine: Project, api_server: ApiServer, workers: str) -> None:
    done: Outcome = mine.run("suites/mine", "-n", workers, "-p", "no:randomly")
    assert done.code == 1, done.out
    [found] = evidence(mine)
    failed = done.by_name["test_fails"]
    assert (found["nodeid"], found["started"]) == (failed["nodeid"], failed["started"])
    [namespace] = found["namespaces"]
    assert failed["properties"]["namespace"] == namespace
    paths = [f"{method} {path}" for method, path, _ in api_server.asked]
    read, deleted = f"GET /api/v1/namespaces/{namespace}/pods", f"DELETE /api/v1/namespaces/{namespace}"
    assert paths.index(read) < paths.index(deleted)
    assert paths.count(deleted) == 1, "the test itself left that to the evidence"
    assert not [item for item in api_server.objects["/api/v1/namespaces"] if item["metadata"]["name"] != "default"]
    notes = mine.folder / "reports" / "latest" / "cells" / CELL / "leases" / "unread"
    assert list(notes.iterdir()) == [], "the test said that it is to be read, and it was"
    assert "hunter2" not in (mine.folder / "reports" / "latest" / "results.jsonl").read_text()
    assert done.phases("leftovers") == ["started", "passed"]
    [left] = leftovers(mine)
    assert (left["kind"], left["name"]) == ("ClusterRole", "left-role")
    assert done.by_name["test_leaves"]["nodeid"] in left["tests"]


def test_leftovers_fail_the_run_if_asked(mine: Project) -> None:
    done = mine.run("suites/mine", "-k", "test_leaves", "--leftovers", "fail")
    assert done.code == 1, done.out
    assert done.phases("leftovers") == ["started", "failed"]
    assert "tests left 1 behind: ClusterRole left-role" in done.out
    assert mine.groups == [], "teardown follows all the same"


def test_without_an_api_server_a_session_ends_as_ever(mine: Project, api_server: ApiServer) -> None:
    api_server.url = "http://127.0.0.1:1"
    api_server.kubeconfig(mine.folder / "kubeconfig")
    mine.write("suites/mine/test_it.py", "def test_fails(cluster): assert not cluster")
    done = mine.run("suites/mine")
    assert done.code == 1, done.out
    [found] = evidence(mine)
    assert found["files"] == []
    assert any("events.txt" in problem for problem in found["problems"])
    assert leftovers(mine) == []
    assert mine.groups == []
