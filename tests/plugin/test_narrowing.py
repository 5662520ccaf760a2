"""Flags that narrow a selection, and input that is refused before anything is created, walked through by a real pytest."""

from __future__ import annotations

import pytest

from .project import Project

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
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "n2"])
def test_flags_on_top_of_the_files(
    suites: Project, arguments: tuple[str, ...], names: set[str], workers: tuple[str, ...]
) -> None:
    done = suites.run("suites", *arguments, *workers)
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
    ("arguments", "files", "phrase"),
    [
        (("--label-filter", "a &&"), {}, "--label-filter: label filter 'a &&', position 5: a label is missing"),
        (("--focus", "(a"), {}, "--focus: '(a' is not a regular expression"),
        (
            ("--focus", "nothing like it"),
            {},
            "--focus 'nothing like it' selects none of the 5 specs that the suites select; "
            "pytest suites/ --collect-only -q lists them; try another pattern or --conformance full",
        ),
        (("--label-filter", "Slow", "--conformance", "full"), {}, "--label-filter 'Slow' selects none of the 5 specs"),
        (("--deselect-from", "none.txt"), {}, "none.txt cannot be read: "),
        (("--deselect-from", "k"), {"k": "[sig-apps] Job\n"}, "k, line 1: no spec has the name '[sig-apps] Job'"),
        (("--deselect-from", "k"), {"k": f"\n{ALPHA}::[sig] no\n"}, "k, line 2: no spec has the name '[sig] no'"),
        (("--deselect-from", "k"), {"k": "suites/beta/test_c.py\n"}, "k, line 1: there is no suites/beta/test_c.py"),
        (
            ("--deselect-from", "k"),
            {"k": "suites/beta/test_b.py::test_no[a]\n"},
            "k, line 1: suites/beta/test_b.py has no test_no",
        ),
        (
            (),
            {ALPHA: "skip: [{match: Job, reason: old, expires: 2020-01-31}]\n"},
            "skip has expired: 'Job' on 2020-01-31",
        ),
        ((), {ALPHA: "skip: [{match: Jobs, reason: old}]\n"}, "specs.yaml: skip matches no spec: 'Jobs'; remove"),
        ((), {"cache/durations.tsv": "1.0\ta\nb\n"}, "durations.tsv is damaged: line 2 is not seconds"),
    ],
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
