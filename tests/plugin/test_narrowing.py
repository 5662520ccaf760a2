"""Flags that narrow a selection, and input that is refused before anything is created, walked through by a real pytest."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import UsageError
from harness.ginkgo.inventory import load_inventory
from harness.plugin.context import CellView, Context
from harness.plugin.narrowing import check_narrowing, left_out
from harness.plugin.suites import check_selections
from harness.settings import Settings

from .project import CELL, Project

ALPHA = "suites/alpha/specs.yaml"


@pytest.fixture
def suites(project: Project) -> Project:
    project.write(ALPHA, "label_filter: Conformance\nskip: [{match: Job fails, reason: known}]\n")
    project.write("suites/beta/test_b.py", "def test_it(cluster): pass\ndef test_other(cluster): pass\n")
    return project


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--label-filter", "sig-apps && !Serial"), {"[sig-apps] Job passes", "[sig-apps] Job fails"}),
        (("--focus", "serial$", "--focus", "Job passes"), {"[sig-node] Pods serial", "[sig-apps] Job passes"}),
        (
            ("--skip", r"sig-apps|\[Serial\]|sleeps"),
            {"[sig-storage] Volumes skips", "test_it", "test_other"},
        ),
        (("--label-filter=Conformance", "--focus=Pods", "--skip=serial"), {"[sig-node] Pods sleeps 0.2"}),
    ],
    ids=["labels", "focus", "skip", "all"],
)
def test_flags_on_top_of_the_files(suites: Project, arguments: tuple[str, ...], names: set[str]) -> None:
    done = suites.run("suites", *arguments)
    assert done.code == 0, done.out
    assert set(done.by_name) == names


def test_files_of_tests_to_leave_out(suites: Project) -> None:
    suites.write(
        "known.txt",
        "# what fails\n[sig-apps] Job passes [Conformance] # hangs\n"
        f"{ALPHA}::[sig-node] Pods sleeps 0.2\nsuites/beta/test_b.py::test_it # flaky\n",
    )
    suites.write("more.txt", "[sig-node] Pods serial\n")
    done = suites.run("suites", "--deselect-from", "known.txt", "--deselect-from", "more.txt", "-n", "2")
    assert done.code == 0, done.out
    assert {name: result["message"] for name, result in done.by_name.items()} == {
        "[sig-apps] Job passes": "hangs (known.txt, line 2)",
        "[sig-apps] Job fails": "known",
        "[sig-storage] Volumes skips": "needs IPv6",
        "test_it": "flaky (known.txt, line 4)",
        "test_other": "",
    }


@pytest.mark.parametrize(
    ("flags", "listed", "phrase"),
    [
        (
            {"focus": ("nothing like it",)},
            "",
            "--focus 'nothing like it' selects none of the 5 specs that the suites select; "
            "pytest suites/ --collect-only -q lists them; try another pattern or --conformance full",
        ),
        ({"label_filter": "Slow", "conformance": "full"}, "", "--label-filter 'Slow' selects none of the 5 specs"),
        ({}, "[sig-apps] Job\n", "known.txt, line 1: no spec has the name '[sig-apps] Job'"),
        ({}, f"\n{ALPHA}::[sig] no\n", "known.txt, line 2: no spec has the name '[sig] no'"),
        (
            {},
            f"{ALPHA}::[sig-apps] Job passes\n{ALPHA}\nsuites/beta/test_b.py::test_it[a]\n[sig-apps] Job passes\n",
            "",
        ),
        ({}, "suites/beta/test_c.py\n", "known.txt, line 1: there is no suites/beta/test_c.py"),
        ({}, "suites/beta/test_b.py::test_no[a]\n", "known.txt, line 1: suites/beta/test_b.py has no test_no"),
    ],
)
def test_what_means_nothing_is_refused(suites: Project, flags: dict[str, Any], listed: str, phrase: str) -> None:
    path = suites.write("known.txt", listed)
    settings = Settings(cache=suites.folder / "cache", deselect_from=(str(path),), **flags)
    cell = CellView(CELL, suites.folder / "cache", (CELL,))
    context = Context(settings, suites.folder / "suites", (), (cell,), None, 0.0)
    try:
        check_narrowing(context, *check_selections(context))
        said = ""
    except UsageError as error:
        said = str(error)
    assert phrase in said
    assert bool(phrase) == bool(said)


def test_what_is_left_out_is_known_with_its_reason(suites: Project) -> None:
    path = suites.write("known.txt", f"[sig-apps] Job passes # bad\n{ALPHA}::[sig-apps] Job fails\n")
    settings = Settings(skip=("sleeps",), deselect_from=(str(path),))
    context = Context(settings, suites.folder / "suites", (), (), None, 0.0)
    assert left_out(context, load_inventory(suites.folder / "cache" / "inventory.json")) == {
        "[sig-apps] Job passes": "bad (known.txt, line 1)",
        "[sig-apps] Job fails": "known.txt, line 2",
        "[sig-node] Pods sleeps 0.2": "--skip 'sleeps'",
    }


@pytest.mark.parametrize(
    ("arguments", "files", "phrase"),
    [
        (
            ("--focus", "nothing like it"),
            {},
            "--focus 'nothing like it' selects none of the 5 specs that the suites select",
        ),
        (
            (),
            {ALPHA: "skip: [{match: Job, reason: old, expires: 2020-01-31}]\n"},
            "skip has expired: 'Job' on 2020-01-31",
        ),
        ((), {ALPHA: "skip: [{match: Jobs, reason: old}]\n"}, "specs.yaml: skip matches no spec: 'Jobs'; remove"),
        ((), {"cache/durations.tsv": "1.0\ta\nb\n"}, "durations.tsv is damaged: line 2 is not seconds"),
    ],
    ids=["focus", "expired", "idle", "durations"],
)
def test_wrong_input_is_one_line_and_creates_nothing(
    suites: Project, arguments: tuple[str, ...], files: dict[str, str], phrase: str
) -> None:
    for name, text in files.items():
        suites.write(name, text)
    done = suites.run("suites", *arguments, "-n", "2")
    assert done.code == 2, done.out
    errors = [line for line in done.out.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1, done.out
    assert phrase in errors[0]
    assert done.phases("up") == []
    for name, text in files.items():
        assert (suites.folder / name).read_text() == text


def test_full_conformance_needs_two_workers(project: Project) -> None:
    project.write("suites/conformance/specs.yaml", "label_filter: Conformance\n")
    done = project.run("suites", "--conformance", "full", "--workers", "1")
    assert done.code == 2, done.out
    assert "ERROR: --workers 1: full conformance needs 2 schedulable nodes; --workers 2, or" in done.out
    assert not (project.folder / "reports").exists()
