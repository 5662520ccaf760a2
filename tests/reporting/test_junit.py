"""JUnit in both flavours: what Jenkins' two plugins make of it, and names by which history is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser.xunit2 import JUnitXml
from lxml import etree

from harness import reporting
from harness.errors import Outcome
from harness.reporting.api import ResultStep
from harness.reporting.jenkins.view import view
from harness.reporting.junit import write
from harness.reporting.junit.api import FULL, PORTABLE, JunitCase, JunitSuite
from harness.reporting.junit.names import track, tracks
from harness.reporting.junit.xml import document
from harness.reporting.model import load
from harness.runs.api import Cell

from .synthetic import CELL, START, Folder, result

HERE = Path(__file__).parent
SCHEMA = etree.XMLSchema(etree.parse(str(HERE / "xunit.xsd")))
FILE = f"junit_{CELL}_conformance.xml"


def invalid(path: Path) -> list[str]:
    SCHEMA.validate(etree.parse(str(path), etree.XMLParser(huge_tree=True)))
    return [str(error) for error in SCHEMA.error_log]


def troubled(path: Path) -> Folder:
    """A run with everything that is hard to write down."""
    folder = Folder(path)
    folder.up()
    evidence = path / "cells" / CELL / "logs" / "node-0.txt"
    evidence.parent.mkdir(parents=True)
    evidence.write_text("kernel panic")
    folder.results(
        [
            result("flaky", Outcome.FAILED, message="refused", details="refused\nat x.go:1", stdout="first"),
            result("flaky", stdout="second"),
            result("stubborn", Outcome.FAILED, message="one", stdout="out 1", log="log 1"),
            result("stubborn", Outcome.HARNESS, message="two", stdout="out 2"),
            result("stubborn", Outcome.FAILED, message="three", stdout="out 3"),
            result("hurt", Outcome.FAILED, message="no", properties={"attachment": f"cells/{CELL}/logs/node-0.txt"}),
            result("outside", Outcome.FAILED, message="no", properties={"attachment": "/etc/passwd"}),
            result("skipped", Outcome.SKIPPED, message="no SCTP"),
            result(
                "measured", properties={"throughput": "940 Mbit/s"}, steps=(ResultStep("look", 0.5),), stdout="fast"
            ),
            result("silent", Outcome.FAILED),
        ]
    )
    folder.down(collected=True)
    folder.ended("failed")
    return folder


def test_portable_passes_the_strict_schema_and_full_says_more(tmp_path: Path) -> None:
    folder = troubled(tmp_path)
    report = reporting.write(folder.path)
    portable = write(report, PORTABLE)
    assert [path.parent.name for path in portable] == ["portable"] * 2
    assert [error for path in portable for error in invalid(path)] == []
    assert invalid(tmp_path / "artifacts" / FILE)  # the schema can refuse
    shown = view([tmp_path / "portable" / FILE]), view([tmp_path / "artifacts" / FILE])
    assert [case.status for case in shown[0].cases] == [case.status for case in shown[1].cases]
    full = {case.name: case for case in shown[1].cases}
    assert full["measured"].properties == {"throughput": "940 Mbit/s"}
    assert full["measured"].stdout == "[     0.5 s] STEP look\nfast"
    assert full["flaky"].properties["attempts"] == "2"
    assert f"[[ATTACHMENT|{tmp_path}/cells/{CELL}/logs/node-0.txt]]" in full["hurt"].stdout
    assert "ATTACHMENT" not in full["outside"].stdout


def test_output_of_a_test_cannot_attach_files_of_the_host(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    line = "[[ATTACHMENT|/etc/shadow]]"
    folder.results([result("sly", Outcome.FAILED, message="no", stdout=f"before\n{line}\n[{line}\n", log=line)])
    folder.down()
    folder.ended("failed")
    reporting.write(folder.path)
    (case,) = view([tmp_path / "artifacts" / FILE]).cases
    assert "[[ATTACHMENT|" not in case.stdout + case.stderr
    assert "/etc/shadow" in case.stdout, "as text it may stay"


def test_earlier_attempts_are_flaky_or_rerun_failures_as_jenkins_reads_them(tmp_path: Path) -> None:
    reporting.write(troubled(tmp_path).path)
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "artifacts" / FILE).iter("testcase")}
    (flake,) = cases["flaky"].findall("flakyFailure")
    assert (flake.get("message"), flake.get("type")) == ("refused", "failed")
    assert (flake.findtext("stackTrace"), flake.findtext("system-out")) == ("refused\nat x.go:1", "first")
    assert cases["flaky"].findtext("system-out") == "second"
    assert cases["flaky"].find("failure") is None
    again = cases["stubborn"].findall("rerunFailure")
    assert [(item.get("message"), item.get("type")) for item in again] == [("one", "failed"), ("two", "harness")]
    assert [item.findtext("system-out") for item in again] == ["out 1", "out 2"]
    assert again[0].findtext("system-err") == "log 1"
    assert cases["stubborn"].findtext("system-out") == "out 3"
    (suite,) = JUnitXml.fromfile(str(tmp_path / "artifacts" / FILE))
    assert {case.name: case.is_flaky for case in suite}["flaky"]


def test_a_skip_after_a_failure_does_not_undo_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.results(
        [result("a", Outcome.FAILED, message="bad"), result("a", Outcome.SKIPPED, message="cluster is gone")]
    )
    folder.results([result("b"), result("b", Outcome.FAILED, message="worse")])
    found = {test.name: test for test in load(tmp_path).tests}
    assert (found["a"].outcome, found["a"].message) == (Outcome.FAILED, "bad")
    assert (found["b"].outcome, found["b"].earlier) == (Outcome.FAILED, ())


def test_a_full_conformance_run_that_passes_is_small_and_divided(tmp_path: Path) -> None:
    rows = (HERE / "conformance-names.txt").read_text().splitlines()
    assert len(rows) == 462
    folder = Folder(tmp_path)
    folder.up()
    folder.results(
        result(
            name, classname=f"conformance.{name[1:].partition(']')[0]}.{area}", stdout="I1123 creating namespace\n" * 60,
            labels=("Conformance",), steps=(ResultStep("Creating a kubernetes client", 0.0),),
        )
        for area, name in (row.split("\t") for row in rows)
    )  # fmt: skip
    folder.down()
    folder.ended()
    reporting.write(tmp_path)
    path = tmp_path / "artifacts" / FILE
    assert path.stat().st_size < 300_000
    cases = view([path]).cases
    assert len(cases) == 462
    classes = {case.classname for case in cases}
    assert len(classes) > 60
    assert max(sum(case.classname == name for case in cases) for name in classes) < 40
    assert len({case.package for case in cases}) >= 10


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("module:v1.37.2", "v1_37_2-kubeadm-westeurope"),
        ("release:v1.37.2", "v1_37_2-kubeadm-westeurope"),
        ("module:v1.38.0-beta.1", "v1_38_0-beta_1-kubeadm-westeurope"),
        ("ci:latest", "ci-latest-kubeadm-westeurope"),
        ("release:stable-1.37", "release-stable-1_37-kubeadm-westeurope"),
        ("git:https://github.com/kubernetes/kubernetes@master", "git-master-kubeadm-westeurope"),
        ("git:/srv/kubernetes@0123456789abcdef0123456789abcdef01234567", "git-kubeadm-westeurope"),
        ("path:/home/maria/kubernetes", "path-kubeadm-westeurope"),
    ],
)
def test_a_cell_is_named_by_what_was_asked_for(source: str, expected: str) -> None:
    """What that resolves to is the concern of test_tracks.py; a plan of an older run has only this."""
    assert track(Cell("v1.38.0-kubeadm-westeurope", source, "kubeadm", "westeurope")) == expected
    resolved = Cell("v1.38.0-kubeadm-westeurope", "ci:v1.38.0-alpha.1.42+0", "kubeadm", "westeurope", asked=source)
    assert track(resolved) == expected


def test_cells_of_one_run_never_share_a_name() -> None:
    sources = ("path:/a", "path:/b", "module:v1.37.2", "release:v1.37.2")
    names = tracks([Cell(f"c{number}", source, "kubeadm", "westeurope") for number, source in enumerate(sources)])
    assert len(set(names.values())) == 4
    turned = tracks(
        [Cell(f"c{number}", source, "kubeadm", "westeurope") for number, source in enumerate(sources[::-1])]
    )
    assert sorted(names.values()) == sorted(turned.values())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(list(Outcome)), st.booleans())
def test_any_text_survives_as_cleaned(name: str, text: str, outcome: Outcome, portable: bool) -> None:
    from harness.reporting.results import cleaned

    raw: dict[str, Any] = {"message": text, "details": text, "stdout": text, "log": text, "properties": {"p": text}}
    test = cleaned(result(name, outcome, **raw))
    case = JunitCase("a.b", test.name, outcome, 1.0, START, test.message, test.details, test.stdout, test.log, (test,))
    made = document(JunitSuite("f", "s", START, (case,), {}), PORTABLE if portable else FULL)
    assert etree.fromstring(made.encode()).find("testsuite/testcase").get("name") == test.name


def test_a_further_cluster_has_its_cells_name_and_a_number() -> None:
    first = Cell("v1.37.2-kubeadm-westeurope", "module:v1.37.2", "kubeadm", "westeurope")
    second = Cell("v1.37.2-kubeadm-westeurope.2", "module:v1.37.2", "kubeadm", "westeurope", replica_of=first.name)
    assert list(tracks([first, second]).values()) == ["v1_37_2-kubeadm-westeurope", "v1_37_2-kubeadm-westeurope_2"]


def test_planned_json_is_not_needed_for_names(tmp_path: Path) -> None:
    """Two builds of one job give the same names, whatever else differs between them."""
    names = []
    for number in (1, 2):
        folder = Folder(tmp_path / str(number))
        folder.up()
        folder.results([result("one", worker=f"gw{number}", started=START + number), result("two", nodeid="a")])
        folder.planned([json.dumps(number)])
        folder.ended()
        reporting.write(folder.path)
        names.append(
            [case.key for case in view(sorted((folder.path / "artifacts").glob("*.xml"))).cases if "a" in case.key]
        )
    assert names[0] == names[1]
