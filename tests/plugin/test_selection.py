"""What is collected, what is refused, and that nothing is created before that is known."""

from __future__ import annotations

import builds.trees
import pytest

from .project import Project

PASSING = "def test_it(cluster): pass\ndef test_other(cluster): pass\n"


@pytest.fixture
def suites(project: Project) -> Project:
    project.write(
        "suites/alpha/specs.yaml", "label_filter: Conformance\nskip: [{match: Job fails, reason: known, issue: '#1'}]\n"
    )
    project.write("suites/beta/test_b.py", PASSING)
    return project


def collected(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("suites/")]


def test_listing_needs_no_cluster_and_makes_no_run(suites: Project) -> None:
    done = suites.run("suites", "--collect-only", "-q")
    assert done.code == 0, done.out
    assert collected(done.out) == [
        "suites/alpha/specs.yaml::[sig-apps] Job passes",
        "suites/alpha/specs.yaml::[sig-apps] Job fails",
        "suites/alpha/specs.yaml::[sig-node] Pods serial",
        "suites/alpha/specs.yaml::[sig-node] Pods sleeps 0.2",
        "suites/alpha/specs.yaml::[sig-storage] Volumes skips",
        "suites/beta/test_b.py::test_it",
        "suites/beta/test_b.py::test_other",
    ]
    assert not (suites.folder / "reports").exists()


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("suites", "-k", "serial or other"), {"[sig-node] Pods serial", "test_other"}),
        (("suites", "--suite", "beta"), {"test_it", "test_other"}),
        (("suites/beta",), {"test_it", "test_other"}),
        (("suites/alpha/specs.yaml::[sig-node] Pods sleeps 0.2",), {"[sig-node] Pods sleeps 0.2"}),
    ],
    ids=["keyword", "suite", "folder", "nodeid"],
)
def test_only_what_is_asked_for_runs(suites: Project, arguments: tuple[str, ...], names: set[str]) -> None:
    done = suites.run(*arguments)
    assert done.code == 0, done.out
    assert set(done.by_name) == names


def test_with_several_cells_the_cell_is_in_the_id_but_not_in_the_name(suites: Project) -> None:
    done = suites.run(
        "suites", "--source", "module:v1.36.3", "--source", "module:v1.37.2", "-k", "passes or test_it", "-n", "2"
    )
    assert done.code == 0, done.out
    one, two = "v1.36.3-kubeadm-westeurope", "v1.37.2-kubeadm-westeurope"
    assert {(result["nodeid"], result["cell"], result["name"]) for result in done.results} == {
        (f"suites/alpha/specs.yaml::{one}::[sig-apps] Job passes", one, "[sig-apps] Job passes"),
        (f"suites/alpha/specs.yaml::{two}::[sig-apps] Job passes", two, "[sig-apps] Job passes"),
        (f"suites/beta/test_b.py::test_it[{one}]", one, "test_it"),
        (f"suites/beta/test_b.py::test_it[{two}]", two, "test_it"),
    }


MATRIX = """
axes: {source: ["module:v1.36.3", "module:v1.37.2"], deployer: [kubeadm], location: [westeurope], suite: [alpha, beta]}
exclude:
  - {source: "module:v1.36.3", suite: alpha, why: x}
  - {source: "module:v1.37.2", suite: beta, why: x}
owners: [{owner: us}]
"""


def test_each_cell_of_a_matrix_runs_its_own_suites(suites: Project) -> None:
    suites.write("matrix.yaml", MATRIX)
    done = suites.run("suites", "--matrix", "matrix.yaml", "-k", "passes or test_it", "-n", "2")
    assert done.code == 0, done.out
    assert {(result["cell"], result["name"]) for result in done.results} == {
        ("v1.37.2-kubeadm-westeurope", "[sig-apps] Job passes"),
        ("v1.36.3-kubeadm-westeurope", "test_it"),
    }
    assert suites.groups == []


def test_a_cell_of_a_matrix_alone(suites: Project) -> None:
    suites.write("matrix.yaml", MATRIX)
    done = suites.run("suites", "--matrix", "matrix.yaml", "--source", "module:v1.36.3", "--collect-only", "-q")
    assert done.code == 0, done.out
    assert collected(done.out) == ["suites/beta/test_b.py::test_it", "suites/beta/test_b.py::test_other"]


def test_last_failed_and_exit_first(suites: Project) -> None:
    suites.write("pytest.ini", "[pytest]\n")
    suites.write("suites/alpha/specs.yaml", "label_filter: Conformance\n")
    first = suites.run("suites", "-n", "2", "-x", "-k", "Job or serial")
    assert (first.code, first.by_name["[sig-apps] Job fails"]["outcome"]) == (1, "failed"), first.out
    again = suites.run("suites", "--lf", "-n", "2")
    assert again.code == 1, again.out
    assert set(again.by_name) == {"[sig-apps] Job fails"}


def test_a_skip_is_shown_with_its_reason(suites: Project) -> None:
    done = suites.run("suites/alpha", "-k", "Job and fails")
    assert done.by_name["[sig-apps] Job fails"]["message"] == "known (#1)"
    assert suites.ran == []


@pytest.mark.parametrize(
    ("arguments", "specs", "phrase"),
    [
        (("--cloud", "moon"), "", "--cloud: 'moon' is not allowed; allowed: one of local, azure"),
        (("--suite", "gamma"), "", "unknown suite 'gamma'; there are: alpha, beta"),
        (("--run", "20200101-000000-0000"), "", "no run '20200101-000000-0000'"),
        (("--deadline", "soon"), "", "'soon'"),
        (("-k", "no such"), "", "-k 'no such'"),
        (("--location", "nowhere"), "", "--location 'nowhere' is unknown to cloud local"),
        ((), "label_filter: (a\n", "specs.yaml: label filter '(a', position 1: no ) for this ("),
        ((), "labels: a\n", "specs.yaml: the file: unknown key 'labels'"),
        ((), "a: [\n", "specs.yaml, line"),
        ((), "focus: [nothing like it]\n", "specs.yaml selects none of the specs of v1.37.2-kubeadm-westeurope"),
    ],
)
def test_wrong_input_is_one_line_and_creates_nothing(
    suites: Project, arguments: tuple[str, ...], specs: str, phrase: str
) -> None:
    if specs:
        suites.write("suites/alpha/specs.yaml", specs)
    done = suites.run("suites", *arguments, "-n", "2")
    assert done.code == 2, done.out
    errors = [line for line in done.out.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert phrase in errors[0]
    assert "Traceback" not in done.out
    assert not (suites.folder / "state" / "groups").exists() or suites.groups == []
    assert done.phases("up") == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "n2"])
def test_an_empty_selection_brings_nothing_up_and_exits_5(suites: Project, workers: tuple[str, ...]) -> None:
    done = suites.run("suites", "-k", "nosuch", *workers)
    assert done.code == 5, done.out
    assert done.phases("up") == []


def test_the_plugin_sleeps_when_suites_are_not_asked_for(suites: Project) -> None:
    suites.write("tests/test_own.py", "def test_it(): pass\n")
    done = suites.run("tests", "-n", "2")
    assert done.code == 0, done.out
    assert not (suites.folder / "reports").exists()


def test_a_change_narrows_what_is_collected(suites: Project) -> None:
    """By suite and by spec, in the controller and in every worker."""
    checkout = builds.trees.repository(suites.folder / "checkout", {"go.mod": "module k8s.io/kubernetes\n"})
    builds.trees.write(checkout, {"pkg/kubelet/x.go": "package kubelet\n"})
    builds.trees.commit(checkout, "change")
    suites.write(
        "suites/alpha/specs.yaml",
        'label_filter: Conformance\npresets: {core: ["[sig-apps] Job passes"], fast: ["[sig-apps] Job fails"]}\n',
    )
    suites.write(
        "suites/alpha/changes.yaml", '- {paths: ["pkg/kubelet/*"], why: it runs pods, specs: sig-node && !Serial}\n'
    )
    suites.write("suites/beta/changes.yaml", '- {paths: ["pkg/proxy/*"], why: it forwards}\n')
    expected = ["suites/alpha/specs.yaml::[sig-apps] Job passes", "suites/alpha/specs.yaml::[sig-node] Pods sleeps 0.2"]
    changed = ("suites", "--source", f"path:{checkout}", "--changed-since", "v1.37.2")
    listed = suites.run(*changed, "--collect-only", "-q")
    assert collected(listed.out) == expected, listed.out
    done = suites.run(*changed, "-n", "2")
    assert done.code == 0, done.out
    assert {result["nodeid"] for result in done.results} == set(expected)
