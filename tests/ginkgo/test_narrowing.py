"""Flags that choose among specs, and files of tests to leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.ginkgo.deselected import read_deselected
from harness.ginkgo.inventory import load_inventory
from harness.ginkgo.narrowing import Narrowing

from .builds import make_build

TEXTS = (
    "[sig-apps] Job should run [Conformance]",
    "[sig-apps] Job should be slow [Slow] [Conformance]",
    "[sig-node] Pods should run [Serial]",
)


@pytest.mark.parametrize(
    ("label_filter", "focus", "skip", "wanted"),
    [
        ("", [], [], [0, 1, 2]),
        ("Conformance && !Slow", [], [], [0]),
        ("", [r"\[Conformance\]"], [], [0, 1]),
        ("", ["should run$"], [], [0, 2]),
        ("", ["sig-node", "slow"], [], [1, 2]),
        ("", [], ["Job", "nothing"], [2]),
        ("Conformance", ["should"], [r"\[Slow\]"], [0]),
    ],
)
def test_all_flags_together(
    tmp_path: Path, label_filter: str, focus: list[str], skip: list[str], wanted: list[int]
) -> None:
    specs = load_inventory(make_build(tmp_path, *TEXTS) / "inventory.json")
    narrowing = Narrowing.of(label_filter, focus, skip)
    assert [index for index, spec in enumerate(specs) if narrowing.wants(spec)] == wanted
    assert narrowing.chooses == bool(label_filter or focus)


@pytest.mark.parametrize(
    ("flags", "phrase"),
    [
        (("a &&", [], []), "--label-filter: label filter 'a &&', position 5: a label is missing"),
        (("", ["["], []), "--focus: '[' is not a regular expression"),
        (("", [], ["a", "(b"]), "--skip: '(b' is not a regular expression"),
    ],
)
def test_a_mistake_names_its_flag(flags: tuple[str, list[str], list[str]], phrase: str) -> None:
    with pytest.raises(UsageError) as caught:
        Narrowing.of(*flags)
    assert str(caught.value).startswith(phrase)


def test_a_file_of_tests_to_leave_out(tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text(
        "# known failures\n\n"
        "[sig-apps] Job should run [Conformance]  # breaks on v1 (#12)\n"
        "  suites/volumes/test_disks.py::test_grow\n"
        "suites/volumes/test_old.py\n"
    )
    first, second, third = read_deselected([str(path)])
    assert (first.place, first.text, first.reason) == (
        "known.txt, line 3",
        "[sig-apps] Job should run [Conformance]",
        "breaks on v1 (#12)",
    )
    assert first.explained == "breaks on v1 (#12) (known.txt, line 3)"
    assert first.matches("suites/a/specs.yaml::cell::[sig-apps] Job should run", "[sig-apps] Job should run")
    assert not first.matches("suites/a/test_a.py::test_it", "")
    assert second.matches("suites/volumes/test_disks.py::test_grow[ext4]", "")
    assert not second.matches("suites/volumes/test_disks.py::test_grow_online", "")
    assert third.matches("suites/volumes/test_old.py::TestIt::test_it", "")


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "known.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"--deselect-from .*known.txt cannot be read: "):
        read_deselected([str(path)])
