"""A run of all of conformance proves it, or says why not."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from .project import CELL, Outcome, Project

SPECS = ("[sig-a] one passes [Conformance]", "[sig-b] two [Serial] [Conformance]", "[sig-b] three [Slow]")
LISTED = "".join(f"- codename: {name!r}\n" for name in SPECS[:2])


@pytest.fixture
def suites(project: Project) -> Project:
    project.specs(*SPECS)
    project.write("suites/conformance/specs.yaml", "label_filter: Conformance\n")
    return project


def proof(suites: Project, done: Outcome) -> tuple[str, str]:
    """State and message of the phase, which JUnit shows too."""
    line = next(line for line in reversed(done.ledger) if line.get("phase") == "proof")
    path = suites.folder / "reports" / "latest" / "artifacts" / f"junit_lifecycle_{CELL}.xml"
    case = next(case for case in ElementTree.parse(path).iter("testcase") if case.get("name") == "proof")
    shown = [message for child in case if (message := child.get("message"))]
    assert shown == ([line["message"]] if line["state"] != "passed" else [])
    assert line["cell"] == CELL
    return line["state"], line["message"]


def test_all_of_it(suites: Project) -> None:
    done = suites.run("suites", "--conformance", "full", "-n", "2")
    assert done.code == 0, done.out
    assert proof(suites, done) == ("passed", "all 2 specs of conformance.yaml ran, and no others")
    assert "conformance.yaml ran, and no others" in (suites.folder / "reports/latest/index.html").read_text()


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (LISTED + "- codename: '[sig-c] four [Conformance]'\n", "1 of 3 specs did not run: [sig-c] four"),
        (LISTED.partition("\n")[0] + "\n", "1 ran that conformance does not ask for: [sig-b] two"),
    ],
    ids=["missing", "extra"],
)
def test_a_difference_fails_the_run(suites: Project, listed: str, message: str) -> None:
    suites.write("cache/conformance.yaml", listed)
    done = suites.run("suites", "--conformance", "full")
    assert done.code == 1, done.out
    assert {result["outcome"] for result in done.results} == {"passed"}
    state, said = proof(suites, done)
    assert state == "failed"
    assert message in said
    assert suites.groups == []


@pytest.mark.parametrize(
    ("arguments", "specs", "why"),
    [
        ((), "", "--conformance fast is a selection"),
        (("--conformance", "full", "-k", "one"), "", "narrowed by -k"),
        (
            ("--conformance", "full"),
            "skip: [{match: two, reason: broken, issue: '#7'}]\n",
            "1 of 2 specs are left out: [sig-b] two (broken (#7))",
        ),
    ],
    ids=["fast", "keyword", "skip"],
)
def test_a_narrowed_run_has_none_and_says_so(suites: Project, arguments: tuple[str, ...], specs: str, why: str) -> None:
    suites.write("suites/conformance/specs.yaml", f"label_filter: Conformance\n{specs}")
    done = suites.run("suites", *arguments)
    assert done.code == 0, done.out
    assert proof(suites, done) == ("skipped", f"no proof: {why}")


def test_what_cannot_be_asked_fails_the_run_and_the_cluster_goes(suites: Project) -> None:
    suites.write("cache/conformance.yaml", "nothing")
    done = suites.run("suites", "--conformance", "full")
    assert done.code == 3, done.out
    assert "not a conformance.yaml" in proof(suites, done)[1]
    assert suites.groups == []
