"""Whole sessions: suites on clusters of files, alone and under xdist."""

from __future__ import annotations

from collections import Counter

import pytest

from .project import CELL, Project

PYTHON = """
import pytest

def test_cluster(cluster):
    assert cluster.cell.startswith("v1.")

@pytest.mark.exclusive
def test_alone(cluster):
    print("spoken")

def test_wrong(cluster):
    assert cluster.group == "mine"
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1"), ("-n", "4")], ids=["alone", "n1", "n4"])
def test_suites_run_are_recorded_and_taken_down(project: Project, workers: tuple[str, ...]) -> None:
    project.write("suites/alpha/specs.yaml", "label_filter: Conformance\n")
    project.write("suites/beta/test_b.py", PYTHON)
    temporary = project.folder / "temporary"
    temporary.mkdir()
    done = project.run("suites", *workers, environ={"TMPDIR": str(temporary)})
    assert done.code == 1, done.out
    assert [path.name for path in temporary.iterdir() if not path.name.startswith("pytest-of-")] == []
    assert done.outcomes == {
        "[sig-apps] Job passes": "passed",
        "[sig-apps] Job fails": "failed",
        "[sig-node] Pods serial": "passed",
        "[sig-node] Pods sleeps 0.2": "passed",
        "[sig-storage] Volumes skips": "skipped",
        "test_cluster": "passed",
        "test_alone": "passed",
        "test_wrong": "failed",
    }
    failed = done.by_name["[sig-apps] Job fails"]
    assert failed["message"] == "expected 1, got 2"
    assert failed["cell"] == CELL
    assert failed["nodeid"] == "suites/alpha/specs.yaml::[sig-apps] Job fails"
    assert failed["classname"] == "alpha.sig-apps.x"
    assert "at test/e2e/apps/job.go:12" in failed["details"]
    assert failed["stdout"] == "output of [sig-apps] Job fails [Conformance]\n"
    assert [step["text"] for step in failed["steps"]] == ["looking"]
    assert done.by_name["[sig-storage] Volumes skips"]["message"] == "needs IPv6"
    assert 0.2 <= done.by_name["[sig-node] Pods sleeps 0.2"]["seconds"] < 0.4
    assert done.by_name["test_alone"]["stdout"] == "spoken\n"
    assert done.by_name["test_wrong"]["message"].startswith("AssertionError")
    assert done.phases("down")[-1] == "passed"
    assert project.groups == []
    assert (project.folder / "reports" / "latest" / "index.html").exists()
    assert len(project.ran) == 5


HELD = """
from pathlib import Path

import pytest

@pytest.fixture(scope="session")
def held(cluster):
    yield cluster
    there = Path("state/groups", cluster.group + ".json").exists()
    with open("released", "a") as file:
        file.write(f"{cluster.cell} {there}\\n")

@pytest.mark.parametrize("n", range(4))
def test_it(held, n): pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "3")], ids=["alone", "n3"])
def test_fixtures_of_a_cell_end_before_it_makes_room(project: Project, workers: tuple[str, ...]) -> None:
    project.write("suites/beta/test_b.py", HELD)
    sources = ("--source", "module:v1.37.2", "--source", "module:v1.36.3")
    done = project.run("suites", *sources, "--location", "narrow", *workers)
    assert done.code == 0, done.out
    released = Counter((project.folder / "released").read_text().splitlines())
    assert set(released) == {f"{version}-kubeadm-narrow True" for version in ("v1.37.2", "v1.36.3")}
    assert "letting go" not in done.out
    assert project.groups == []


@pytest.mark.parametrize("workers", [(), ("-n", "3")], ids=["alone", "n3"])
def test_cells_come_one_after_the_other(project: Project, workers: tuple[str, ...]) -> None:
    """And one whose tests are all left out is waited for by nobody."""
    project.write("suites/alpha/specs.yaml", "label_filter: Conformance\n")
    project.write("suites/beta/test_b.py", "def test_it(cluster): pass\n")
    versions = ("v1.37.2", "v1.36.3", "v1.35.4", "v1.34.9")
    first, unused, second, third = (f"{version}-kubeadm-westeurope" for version in versions)
    flags = (word for version in versions for word in ("--source", f"module:{version}"))
    done = project.run("suites", *flags, "--cells", "1", "--reruns", "1", "-k", f"not {unused}", *workers)
    counts = Counter((result["cell"], result["outcome"]) for result in done.results)
    for cell in (first, second, third):
        assert counts[cell, "passed"] == 4, done.out
        assert counts[cell, "failed"] + counts[cell, "rerun"] >= 1
    assert project.groups == []
    kinds = {
        (line["kind"], line["cell"]): n for n, line in enumerate(done.ledger) if line["kind"] in ("gone", "creating")
    }
    gone = min(kinds["gone", first], kinds["gone", second])
    assert gone < kinds["creating", third], "one made room; which of them depends on who repeats its failure first"
    assert "waiting for room: 2 cells are up, as many as may be" in done.out


@pytest.mark.parametrize("workers", [(), ("-n", "3")], ids=["alone", "n3"])
def test_a_cell_without_room_comes_when_the_one_before_it_is_done(project: Project, workers: tuple[str, ...]) -> None:
    project.write("suites/alpha/specs.yaml", "label_filter: Conformance\n")
    project.write("suites/beta/test_b.py", "def test_it(cluster): pass\n")
    sources = ("--source", "module:v1.37.2", "--source", "module:v1.36.3")
    done = project.run("suites", *sources, "--location", "narrow", *workers)
    cells = ("v1.37.2-kubeadm-narrow", "v1.36.3-kubeadm-narrow")
    for cell in cells:
        outcomes = Counter(result["outcome"] for result in done.results if result["cell"] == cell)
        assert outcomes == {"passed": 4, "failed": 1, "skipped": 1}, done.out
    first, second = (
        [number for number, line in enumerate(done.ledger) if line["kind"] in kinds and line["cell"] == cell]
        for kinds, cell in ((("gone",), cells[0]), (("creating",), cells[1]))
    )
    assert max(first) < min(second), "the second was made when the first was proven gone"
    assert "waiting for room: narrow lacks room: 6 cores for 3 x Standard_D2s_v5, 0 free" in done.out
    assert project.groups == []


def test_auto_asks_the_settings(project: Project) -> None:
    project.write("suites/beta/test_b.py", "def test_it(cluster): pass\n")
    done = project.run("suites", "-n", "auto", "--tests", "2")
    assert done.code == 0, done.out
    assert "2 workers [1 item]" in done.out
