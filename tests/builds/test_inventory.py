"""The dry run's report, reduced."""

from __future__ import annotations

from typing import Any

from harness.builds import inventory
from harness.ginkgo import api

ENTRY: dict[str, Any] = {
    "ContainerHierarchyTexts": ["[sig-apps] Job", "with a policy"],
    "ContainerHierarchyLabels": [["sig-apps"], []],
    "LeafNodeType": "It",
    "LeafNodeText": "should run [Conformance]",
    "LeafNodeLabels": ["Conformance", "sig-apps"],
    "LeafNodeLocation": {"FileName": "k8s.io/kubernetes@v1.37.2/test/e2e/apps/job.go", "LineNumber": 12},
    "State": "passed",
}


def test_spec() -> None:
    assert inventory.reduce([{"SpecReports": [ENTRY]}]) == [
        {
            "text": "[sig-apps] Job with a policy should run [Conformance]",
            "labels": ["Conformance", "sig-apps"],
            "location": "test/e2e/apps/job.go:12",
            "serial": False,
            "ordered": False,
            "state": "passed",
        }
    ]


def test_serial_comes_from_the_label_when_the_report_is_silent() -> None:
    labelled = {**ENTRY, "LeafNodeLabels": ["Serial"]}
    said = {**ENTRY, "IsSerial": True, "IsInOrderedContainer": True}
    first, second = inventory.reduce([{"SpecReports": [labelled, said]}])
    assert first["serial"]
    assert (second["serial"], second["ordered"]) == (True, True)


def test_only_specs_count_and_nothing_may_be_missing() -> None:
    setup = {**ENTRY, "LeafNodeType": "SynchronizedBeforeSuite", "ContainerHierarchyTexts": None}
    bare = {**ENTRY, "ContainerHierarchyTexts": None, "ContainerHierarchyLabels": None, "LeafNodeLabels": None}
    specs = inventory.reduce([{"SpecReports": [setup, bare]}, {"SpecReports": None}])
    assert [spec["text"] for spec in specs] == ["should run [Conformance]"]


def test_order_is_that_of_the_processes() -> None:
    assert (inventory.SEED, inventory.FILTER) == (api.SEED, api.EVERYTHING)
