"""From a run's folder to the four files, and every reason why a run does not qualify."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.certification.bundle import Bundle, make
from harness.certification.evidence import gather
from harness.clusters.api import Cluster
from harness.errors import Outcome, UsageError
from harness.runs.folder import RunFolder

from .conftest import NAMES, PRODUCT, TEXTS, Run


def reasons(bundle: Bundle) -> dict[str, tuple[str, ...]]:
    return {reason.title: reason.details for reason in bundle.reasons}


def test_a_run_that_qualifies(passed: Run, tmp_path: Path) -> None:
    bundle = make(passed.evidence(), PRODUCT, "v1.38.1")
    assert reasons(bundle) == {}
    assert bundle.submission.title == "Conformance results for v1.37/turbo-encabulator"
    folder = bundle.write(tmp_path / "out")
    assert folder == tmp_path / "out" / "v1.37" / "turbo-encabulator"
    assert sorted(path.name for path in folder.iterdir()) == ["PRODUCT.yaml", "README.md", "e2e.log", "junit_01.xml"]
    assert (folder / "PRODUCT.yaml").read_text() == PRODUCT


def test_junit_is_one_suite_with_every_spec_of_e2e_test(passed: Run) -> None:
    root = ElementTree.fromstring(make(passed.evidence(), PRODUCT).submission.files["junit_01.xml"])
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("skipped")) == ("Kubernetes e2e suite", "4", "1")
    assert (root.get("tests"), root.get("disabled"), root.get("failures")) == ("4", "1", "0")
    assert suite.get("time") == root.get("time") == "20"
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases) == [f"[It] {text}" for text in sorted(TEXTS)]
    assert {case.get("classname") for case in cases.values()} == {"Kubernetes e2e suite"}
    assert [case.get("status") for case in cases.values()] == ["passed", "passed", "passed", "skipped"]
    assert cases[f"[It] {TEXTS[0]}"].get("time") == "10"
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert properties["SuiteSucceeded"] == "true"
    assert (properties["ParallelTotal"], properties["SkipStrings"]) == ("3", "")


def test_the_log_is_ginkgos(passed: Run) -> None:
    lines = make(passed.evidence(), PRODUCT).submission.files["e2e.log"].splitlines()
    assert lines[0].startswith("Running Suite: Kubernetes e2e suite - ")
    assert lines[1] == "=" * len(lines[0])
    assert lines[2:8] == [
        "Random Seed: 1 - will randomize all specs",
        "",
        "Will run 3 of 4 specs",
        "Running in parallel across 3 processes",
        "•••S",
        "",
    ]
    assert lines[8:] == [
        "Ran 3 of 4 Specs in 20.000 seconds",
        "SUCCESS! -- 3 Passed | 0 Failed | 0 Pending | 1 Skipped",
        "",
        "",
        "Ginkgo ran 1 suite in 20.000s",
        "Test Suite Passed",
    ]


def test_the_readme_tells_how_to_do_it_again(passed: Run) -> None:
    text = make(passed.evidence(), PRODUCT).submission.files["README.md"]
    assert text.startswith("# Conformance of Turbo Encabulator with Kubernetes v1.37.2\n")
    assert ".venv/bin/harness run --suite conformance --conformance full --cloud local --source module:v1.37.2" in text
    assert "- specs of conformance.yaml: 3, executed 3\n" in text
    assert "Kubernetes v1.37.2 in westeurope, control-plane, worker, worker\n" in text


def test_every_spec_that_stands_in_the_way_is_named(run: Run) -> None:
    run.spec(0, Outcome.FAILED, details="expected 1")
    run.spec(1, Outcome.FAILED)
    run.spec(1)
    bundle = make(run.evidence(), PRODUCT)
    found = reasons(bundle)
    (missing,) = found.pop("1 of 3 specs did not run")
    assert missing.startswith(f"{NAMES[2]} (harness: not run: no result was recorded")
    assert found == {
        "1 of 3 specs failed": (NAMES[0],),
        "1 of 3 specs passed only when repeated": (NAMES[1],),
    }


def test_a_skipped_spec_is_named_with_its_reason(run: Run) -> None:
    run.spec(0)
    run.spec(1)
    run.spec(2, Outcome.SKIPPED, message="known (#1)")
    found = reasons(make(run.evidence(), PRODUCT))
    assert found == {"1 of 3 specs did not run": (f"{NAMES[2]} (skipped: known (#1))",)}


def test_an_extra_spec(passed: Run) -> None:
    (passed.folder.path / "conformance.yaml").write_text(f"- codename: {TEXTS[0]!r}\n- codename: {TEXTS[2]!r}\n")
    found = reasons(make(passed.evidence(), PRODUCT))
    assert found == {"specs ran that conformance does not ask for": (NAMES[1],)}


def test_a_name_that_only_looks_the_same_is_refused_as_the_bot_does(passed: Run) -> None:
    listed = [
        TEXTS[0],
        TEXTS[1].replace("[NodeConformance] [Conformance]", "[Conformance] [NodeConformance]"),
        TEXTS[2],
    ]
    (passed.folder.path / "conformance.yaml").write_text(
        "".join(f"- codename: {json.dumps(name)}\n" for name in listed)
    )
    found = reasons(make(passed.evidence(), PRODUCT))
    assert found == {"all required conformance tests are present in junit_01.xml": (f"missing or failed: {listed[1]}",)}


@pytest.mark.parametrize(
    ("version", "title"),
    [
        ("v1.36.3", "clusters are of another version than e2e.test v1.36.3"),
        ("v1.37.2-alpha.1", "e2e.test is of v1.37.2-alpha.1, which is no release of Kubernetes"),
    ],
)
def test_versions_have_to_agree_and_be_releases(passed: Run, version: str, title: str) -> None:
    path = passed.folder.path / "inventory.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": version}))
    assert title in reasons(make(passed.evidence(), PRODUCT))


def test_without_the_vendors_facts(passed: Run) -> None:
    found = reasons(make(passed.evidence(), ""))
    assert found == {"submission has all required files and no others": ("PRODUCT.yaml is missing or empty",)}


def test_old_releases_are_no_longer_taken(passed: Run) -> None:
    found = reasons(make(passed.evidence(), PRODUCT, "v1.40.0"))
    assert list(found) == ["the release is a supported version of Kubernetes"]


def test_a_run_that_cannot_be_judged(run: Run) -> None:
    (run.folder.path / "bin" / "e2e.test").unlink()
    folder = run.end()
    with pytest.raises(UsageError, match=r"the build .* is gone; make it again: harness build module:v1.37.2"):
        gather(folder)
    with pytest.raises(UsageError, match=r"has no cell 'x'; --cell, one of: v1.37.2-kubeadm-westeurope"):
        gather(folder, "x")
    (run.folder.path / "cells" / "v1.37.2-kubeadm-westeurope" / "cluster.json").unlink()
    with pytest.raises(UsageError, match="never came up"):
        gather(folder)
    with pytest.raises(UsageError, match="is not the plan of a run"):
        gather(RunFolder(run.folder.path / "no"))


def test_the_cluster_that_a_cell_ran_on_is_that_of_the_cell(passed: Run) -> None:
    evidence = passed.evidence()
    assert [cluster.version for cluster in evidence.clusters] == ["v1.37.2"]
    assert isinstance(evidence.clusters[0], Cluster)
