"""Matrix files: what they mean, how they are narrowed, and every way in which they can be wrong."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given, strategies

from harness.errors import UsageError
from harness.runs.folder import RunFolder
from harness.runs.matrix import AXES, Matrix, expanded, load_matrix, wanted_cells
from harness.runs.parts import Parts
from harness.runs.plan import load_plan, make_plan, save_plan, tags
from harness.settings import load

from .fakes import FileBuilder

SHIPPED = Path(__file__).parents[2] / "jenkins" / "matrix.yaml"
PLAIN = {
    "axes": {
        "source": ["module:v1", "module:v2"],
        "deployer": ["kubeadm"],
        "location": ["westeurope", "northeurope"],
        "suite": ["conformance", "volumes"],
    },
    "exclude": [],
    "owners": [{"owner": "us"}],
}


def write(folder: Path, **changes: object) -> Path:
    path = folder / "matrix.yaml"
    path.write_text(yaml.safe_dump({**PLAIN, **changes}))
    return path


def read(folder: Path, **changes: object) -> Matrix:
    return load_matrix(write(folder, **changes))


def test_the_shipped_matrix_tests_each_release_in_a_location_of_its_own() -> None:
    cells = list(load_matrix(SHIPPED).cells())
    assert len({cell.source for cell in cells}) == len({cell.location for cell in cells}) == len(cells) == 3
    assert {cell.suites for cell in cells} == {("conformance", "loadbalancer", "pod_networking", "volumes")}


def test_excludes_take_cells_or_suites_of_cells(tmp_path: Path) -> None:
    exclude = [
        {"source": "module:v1", "location": {"not": "westeurope"}, "why": "quota"},
        {"source": ["module:v1", "module:v2"], "location": "westeurope", "suite": "volumes", "why": "slow disks there"},
    ]
    cells = [(cell.source, cell.location, cell.suites) for cell in read(tmp_path, exclude=exclude).cells()]
    assert cells == [
        ("module:v1", "westeurope", ("conformance",)),
        ("module:v2", "westeurope", ("conformance",)),
        ("module:v2", "northeurope", ("conformance", "volumes")),
    ]


def test_a_cell_of_which_no_suite_is_left_is_none(tmp_path: Path) -> None:
    exclude = [{"source": "module:v1", "suite": suite, "why": "old"} for suite in ("conformance", "volumes")]
    assert {cell.source for cell in read(tmp_path, exclude=exclude).cells()} == {"module:v2"}


def test_the_first_owner_that_fits(tmp_path: Path) -> None:
    owners = [{"owner": "them", "location": "northeurope"}, {"owner": "us"}]
    assert [cell.owner for cell in read(tmp_path, owners=owners).cells()] == ["us", "them", "us", "them"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axes": {}}, "axes lacks the key 'deployer'"),
        ({"axes": {**PLAIN["axes"], "cloud": ["azure"]}}, "axes has the unknown key 'cloud'; allowed: deployer"),
        ({"axes": {**PLAIN["axes"], "source": []}}, "axis source has to be a text or a list of texts"),
        ({"axes": {**PLAIN["axes"], "source": [1.37]}}, "axis source has to be a text or a list of texts"),
        ({"axes": {**PLAIN["axes"], "suite": ["a", "a"]}}, "axis suite names something twice"),
        ({"owners": []}, "nobody owns module:v1, kubeadm, westeurope"),
        ({"owners": [{"owner": "us", "suite": "volumes"}]}, "owners 1 has the unknown key 'suite'"),
        ({"owners": [{"owner": ""}]}, "owners 1: owner has to be a text"),
        ({"exclude": {}}, "exclude has to be a list"),
        ({"exclude": [{"source": "module:v1"}]}, "exclude 1 lacks the key 'why'"),
        ({"exclude": [{"why": "all"}]}, "exclude 1 names no axis"),
        ({"exclude": [{"source": "module:v3", "why": "x"}]}, "'module:v3' is not on that axis; it has: module:v1"),
        ({"exclude": [{"source": {"but": "module:v1"}, "why": "x"}]}, "has the unknown key 'but'; allowed: not"),
        ({"exclude": [{"source": {"not": ["module:v1", "module:v2"]}, "why": "x"}]}, "exclude 1 leaves nothing out"),
        ({"exclude": [{"deployer": "kubeadm", "why": "x"}]}, "the excludes leave no cell"),
        ({"cells": []}, "the file has the unknown key 'cells'"),
    ],
)
def test_bad_input_is_one_line_that_names_the_file(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(UsageError) as caught:
        load_matrix(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"--matrix {path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"- a\n", b"", b"axes: [", b"\xff\xfe", b"axes: {source: !!python/object:os.x {}}"])
def test_what_is_no_matrix_at_all(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_bytes(text)
    with pytest.raises(UsageError, match=r"--matrix .*matrix\.yaml"):
        load_matrix(path)
    with pytest.raises(UsageError, match="cannot be read"):
        load_matrix(tmp_path)


@given(
    strategies.lists(
        strategies.fixed_dictionaries(
            {"why": strategies.just("x")},
            optional={
                axis: strategies.sampled_from(PLAIN["axes"][axis]).flatmap(  # type: ignore[index]
                    lambda value: strategies.sampled_from([value, {"not": value}])
                )
                for axis in AXES
            },
        ),
        max_size=3,
    )
)
def test_what_is_excluded_is_never_in_a_cell(tmp_path_factory: pytest.TempPathFactory, exclude: list[object]) -> None:
    try:
        matrix = read(tmp_path_factory.mktemp("matrix"), exclude=exclude)
    except UsageError:
        return
    points = [(cell, suite) for cell in matrix.cells() for suite in cell.suites]
    for cell, suite in points:
        point = {"source": cell.source, "deployer": cell.deployer, "location": cell.location, "suite": suite}
        assert not any(pattern.matches(point) for pattern in matrix.exclude)
    assert (
        len(points)
        + sum(
            any(pattern.matches(dict(zip(AXES, values, strict=True))) for pattern in matrix.exclude)
            for values in product(*matrix.axes.values())
        )
        == 8
    )


def test_flags_choose_among_the_cells(tmp_path: Path) -> None:
    write(tmp_path)
    settings = load({"matrix": "matrix.yaml", "location": ("northeurope",)}, {}, tmp_path)
    assert settings.matrix == str(tmp_path / "matrix.yaml"), "absolute, since pytest runs in another folder"
    cells = wanted_cells(settings)
    assert [(cell.source, cell.location) for cell in cells] == [
        ("module:v1", "northeurope"),
        ("module:v2", "northeurope"),
    ]
    assert expanded(settings, cells).source == ("module:v1", "module:v2")
    with pytest.raises(UsageError, match=r"--suite dns is not in .*; it has: conformance, volumes"):
        wanted_cells(settings.changed(suite=("dns",)))
    (only,) = wanted_cells(settings.changed(suite=("volumes",), source=("module:v2",)))
    assert only.suites == ("volumes",)


def test_without_a_matrix_every_combination_is_a_cell(tmp_path: Path) -> None:
    settings = load({"source": ("module:v1", "module:v2"), "location": ("a1", "b1")}, {}, tmp_path)
    assert len(wanted_cells(settings)) == 4
    assert expanded(settings, wanted_cells(settings)) == settings


def test_a_plan_keeps_suites_and_owners_of_its_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for suite in ("conformance", "volumes", "dns"):
        (tmp_path / "suites" / suite).mkdir(parents=True)
        (tmp_path / "suites" / suite / "test_it.py").touch()
    write(
        tmp_path,
        exclude=[
            {"source": "module:v1", "suite": "volumes", "why": "x"},
            {"location": "northeurope", "why": "quota"},
        ],
        owners=[{"owner": "them", "source": "module:v2"}, {"owner": "us"}],
    )
    settings = load({"matrix": "matrix.yaml"}, {"USER": "me"}, tmp_path)
    plan = make_plan(settings, Parts(builder=FileBuilder), tmp_path)
    folder = RunFolder.create(tmp_path / "reports", plan.run)
    save_plan(folder, settings, plan)
    assert load_plan(folder)[1] == plan
    assert plan.suites == ("conformance", "volumes"), "not dns, which the matrix leaves out"
    assert [cell.suites for cell in plan.cells] == [("conformance",), ("conformance", "volumes")]
    assert [tags(plan, cell.name, 0.0, 1.0)["harness-owner"] for cell in plan.cells] == ["us", "them"]
