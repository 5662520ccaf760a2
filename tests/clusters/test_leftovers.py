"""What tests leave: found by discovery, compared with what was there, and told whose it is."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters.api import Cluster
from harness.clusters.kube import UNREACHABLE, open_client
from harness.clusters.leftovers.api import Baseline, Found, Leftovers, Thing
from harness.clusters.leftovers.attribution import Ran, attributed
from harness.clusters.leftovers.compare import PATIENCE, left
from harness.clusters.leftovers.objects import objects
from harness.clusters.leftovers.resources import owned

from .api_server import ApiServer, thing

AT = 1_795_852_800.0  # 2026-11-28T08:00:00Z


@pytest.fixture
def busy(api_server: ApiServer) -> ApiServer:
    api_server.kind("", "v1", "Namespace", "namespaces", thing("default"), thing("job-1"))
    api_server.kind("", "v1", "Pod", "pods", thing("p", "default"), thing("q", "default", ownerReferences=[{}]))
    api_server.kind("", "v1", "Event", "events", thing("e", "default"))
    api_server.kind("example.com", "v1", "Widget", "widgets", thing("w", labels={"a": "b"}))
    api_server.kind("example.com", "v1", "Review", "reviews", verbs="create")
    return api_server


def test_every_kind_that_can_be_listed_and_deleted_is_looked_at(cluster: Cluster, busy: ApiServer) -> None:
    with closing(open_client(cluster.kubeconfig)) as api:
        found = objects(api)
    assert {(item.kind, item.name) for item in found.things} == {
        ("Namespace", "default"), ("Namespace", "job-1"), ("Pod", "p"), ("Widget", "w"),
    }  # fmt: skip
    assert found.problems == ()
    [widget] = [item for item in found.things if item.kind == "Widget"]
    assert (widget.created, widget.words) == (AT, ("b",))


def test_a_kind_that_cannot_be_listed_is_told(cluster: Cluster, busy: ApiServer) -> None:
    busy.broken["/apis/example.com/v1/widgets"] = 503
    with closing(open_client(cluster.kubeconfig)) as api:
        found = objects(api)
    assert len(found.problems) == 1
    assert found.problems[0].startswith("Widget: HTTP 503")
    busy.broken["/apis"] = 500
    with closing(open_client(cluster.kubeconfig)) as api, pytest.raises(UNREACHABLE):
        objects(api)


def test_only_what_is_new_and_stays_is_left() -> None:
    known = Thing("Namespace", "default")
    baseline = Baseline(frozenset({known.key, Thing("loadBalancers", "Kubernetes", cloud=True).key}))
    now = 1_000.0
    things = (
        known,
        Thing("loadBalancers", "kubernetes", cloud=True),  # ARM does not keep the case
        Thing("ConfigMap", "m", "default"),
        Thing("Namespace", "gone-soon", deleting=now - 5),
        Thing("ConfigMap", "with-it", "gone-soon"),
        Thing("publicIPAddresses", "of-it", "gone-soon", cloud=True),
        Thing("Namespace", "stuck", deleting=now - PATIENCE - 15),
        Thing("ConfigMap", "of-the-stuck", "stuck"),
        Thing("disks", "d", cloud=True),
    )
    assert [item.name for item in left(Found(things), baseline, now)] == ["m", "stuck", "d"]


def test_a_rule_is_its_services() -> None:
    service = Thing("Service", "s", "lb-1", uid="12345678-1234-1234-1234-123456789012")
    rule = Thing("loadBalancers/loadBalancingRules", "kubernetes/a12345678123412341234123456789012-TCP-80", cloud=True)
    address = Thing("publicIPAddresses", "kubernetes-a99999999123412341234123456789012", "lb-2", cloud=True)
    orphan = replace(rule, name="kubernetes/a99999999123412341234123456789012-TCP-80")
    assert [item.namespace for item in owned([service, rule, address, orphan])] == ["lb-1", "lb-1", "lb-2", "lb-2"]


ONE = Ran("one", AT, AT + 10, frozenset({"job-1"}), frozenset({"job"}))
TWO = Ran("two", AT + 5, AT + 30, frozenset({"webhook-77"}), frozenset({"webhook"}))
MANY = [Ran(f"many-{number}", AT + 100, AT + 200, frozenset()) for number in range(5)]


@pytest.mark.parametrize(
    ("found", "tests", "why"),
    [
        (Thing("Namespace", "job-1"), ("one",), "it is the test's namespace"),
        (Thing("publicIPAddresses", "x", "job-1", cloud=True), ("one",), "made for namespace job-1"),
        (Thing("ClusterRole", "e2e-webhook-77-reader"), ("two",), "its name or labels have the test's namespace webhook-77"),
        (Thing("ClusterRole", "x", words=("webhook-77",)), ("two",), "its name or labels have the test's namespace webhook-77"),
        (Thing("ClusterRole", "x", created=AT + 2), ("one",), "made while no other test ran that it could be of"),
        (Thing("ClusterRole", "x", created=AT + 7), ("one", "two"), "made while these 2 tests ran"),
        (Thing("Namespace", "webhook-9", created=AT + 7, words=("webhook",)), ("two",), "made while no other test ran that it could be of"),
        (Thing("ClusterRole", "x", created=AT + 150), (), "made while 5 tests ran"),
        (Thing("ClusterRole", "x", created=AT + 500), (), "no test ran when it was made"),
        (Thing("securityRules", "x", cloud=True), (), "when it was made is not known"),
    ],
)  # fmt: skip
def test_whose_it_is(found: Thing, tests: tuple[str, ...], why: str) -> None:
    item = attributed(found, [ONE, TWO, *MANY], AT + 600)
    assert (item.tests, item.why) == (tests, why)


def test_files_come_back_as_they_went(tmp_path: Path) -> None:
    now = time.time()
    item = attributed(Thing("Namespace", "job-1", deleting=now - 70), [ONE], now)
    assert item.note == "its deletion began 70 s ago and has not ended"
    Leftovers(now, (item,), ("x",)).save(tmp_path / "l")
    assert Leftovers.load(tmp_path / "l") == Leftovers(now, (item,), ("x",))
    Baseline(frozenset({"a"}), ("b",)).save(tmp_path / "b")
    assert Baseline.load(tmp_path / "b") == Baseline(frozenset({"a"}), ("b",))
