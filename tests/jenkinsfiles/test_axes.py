"""The axes of the nightly are those of matrix.yaml, and what writes them is right for other matrices as well."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from harness.errors import UsageError
from harness.runs.matrix import Matrix, load_matrix

from .groovy import JENKINS, Scenario, run


@pytest.fixture(scope="module")
def axes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("jenkins_axes", JENKINS / "axes.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_nightly_has_the_axes_of_the_matrix(axes: ModuleType) -> None:
    assert axes.main(["--check"]) == 0, "write them: python jenkins/axes.py"


def test_a_difference_is_noticed(
    axes: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("matrix.yaml", "Jenkinsfile.nightly"):
        (tmp_path / name).write_text(
            (JENKINS / name)
            .read_text()
            .replace("northeurope", "francecentral" if name.endswith("l") else "northeurope")
        )
    monkeypatch.setattr(axes, "HERE", tmp_path)
    assert axes.main(["--check"]) == 1
    assert "write them: python jenkins/axes.py" in capsys.readouterr().err
    assert axes.main([]) == 0
    assert axes.main(["--check"]) == 0
    assert "francecentral" in (tmp_path / "Jenkinsfile.nightly").read_text()
    (tmp_path / "Jenkinsfile.nightly").write_text("pipeline {}")
    assert axes.main(["--check"]) == 2


def test_jenkins_expands_them_to_the_same_cells(axes: ModuleType, tmp_path: Path) -> None:
    matrix = _matrix(
        tmp_path,
        {
            "source": ["path:it's", "b", "c"],
            "deployer": ["k", "t"],
            "location": ["x1", "x2", "x3"],
            "suite": ["s", "u"],
        },
        [
            {"source": ["path:it's", "b"], "location": {"not": ["x1", "x2"]}, "why": "two\nlines"},
            {"deployer": "t", "location": "x1", "why": "w"},
            {"source": "c", "suite": "s", "why": "only one suite of it"},
            {"source": "c", "location": "x3", "suite": "u", "why": "and with this none"},
        ],
    )
    text = f"""pipeline {{
    agent any
    stages {{
        stage('M') {{
            matrix {{
                {axes.FIRST}
                {axes.LAST}
                stages {{
                    stage('S') {{
                        steps {{
                            echo "$SOURCE"
                        }}
                    }}
                }}
            }}
        }}
    }}
}}
"""
    trace = run([Scenario("m", axes.written_into(text, matrix), library={})], tmp_path)["m"]
    assert trace.problems == []
    cells = [{"SOURCE": cell.source, "DEPLOYER": cell.deployer, "LOCATION": cell.location} for cell in matrix.cells()]
    assert sorted(trace.cells, key=str) == sorted(cells, key=str)
    with pytest.raises(UsageError, match="no place for axes"):
        axes.written_into("pipeline {}", matrix)


def _matrix(folder: Path, axes: object, exclude: object) -> Matrix:
    path = folder / "matrix.yaml"
    path.write_text(yaml.safe_dump({"axes": axes, "exclude": exclude, "owners": [{"owner": "us"}]}))
    return load_matrix(path)
