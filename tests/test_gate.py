"""What bench/gate.py calls right, and that a bug which cannot be put in is no silent success."""

from __future__ import annotations

from pathlib import Path

import gate
import pytest
from checkout import edit
from gate_changes import CHANGES, Change

from harness.runs.changes.picks import pick
from harness.runs.plan import known_suites

SUITES = Path(__file__).parents[1] / "suites"
KUBE_PROXY = next(change for change in CHANGES if change.name == "kube-proxy")
HARMLESS = next(change for change in CHANGES if change.name == "harmless")
ALL = ("conformance", "loadbalancer", "pod_networking")


@pytest.mark.parametrize(
    ("change", "red", "tests", "right"),
    [
        (KUBE_PROXY, ALL, 40, True),
        (KUBE_PROXY, (*ALL, "volumes"), 40, True),
        (KUBE_PROXY, ALL[:2], 40, False),
        (KUBE_PROXY, (), 40, False),
        (HARMLESS, (), 40, True),
        (HARMLESS, ("conformance",), 40, False),
        (HARMLESS, (), 0, False),
    ],
)
def test_right(change: Change, red: tuple[str, ...], tests: int, right: bool) -> None:
    assert gate.Seen(change, 1.0, 1 if red else 0, red, tests).right is right


def test_the_exit_code_has_to_say_the_same() -> None:
    assert not gate.Seen(HARMLESS, 1.0, 6, (), 40).right, "something leaked"
    assert not gate.Seen(KUBE_PROXY, 1.0, 0, ALL, 40).right, "red, and let pass"


def test_a_build_that_fails_is_not_right() -> None:
    assert gate.Seen(HARMLESS, 1.0, 0).right
    assert not gate.Seen(HARMLESS, 1.0, 3).right


def test_a_text_that_is_not_there_as_often_as_expected(tmp_path: Path) -> None:
    (tmp_path / "a.go").write_text("x y x")
    edit(tmp_path, "a.go", "x", "z", times=2)
    assert (tmp_path / "a.go").read_text() == "z y z"
    for find, times in (("x", 1), ("z", 1)):
        with pytest.raises(SystemExit, match=r"a\.go: expected"):
            edit(tmp_path, "a.go", find, "w", times)


def paths(change: Change) -> set[str]:
    """As ``--changed-since`` names them."""
    prefix = f"{change.component}:" if change.component else ""
    return {prefix + one.path for one in change.edits}


@pytest.mark.parametrize("component", ["", "cloud-provider-azure"])
def test_a_harmless_change_touches_what_the_bugs_touch(component: str) -> None:
    alike = [change for change in CHANGES if change.component == component]
    (harmless,) = (change for change in alike if not change.red)
    assert len(alike) > 1
    assert paths(harmless) == set().union(*(paths(change) for change in alike if change is not harmless))


@pytest.mark.parametrize("change", [change for change in CHANGES if change.red], ids=lambda change: change.name)
def test_what_has_to_turn_red_is_picked(change: Change) -> None:
    picked = {found.suite for found in pick(paths(change), known_suites(SUITES), SUITES)}
    assert set(change.red) <= picked
