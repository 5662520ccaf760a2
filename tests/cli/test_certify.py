"""``harness certify``: exit codes, what is said, and that nothing is written for a run that does not qualify."""

from __future__ import annotations

from pathlib import Path

import pytest
from certification.conftest import PRODUCT, Run, passed, run

from harness.cli.main import invoke
from harness.errors import Outcome

__all__ = ["passed", "run"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_run_that_qualifies(here: Path, passed: Run, capsys: pytest.CaptureFixture[str]) -> None:
    passed.end()
    (here / "PRODUCT.yaml").write_text(PRODUCT)
    assert invoke(["certify", "20261123-223010-a1b2", "--newest", "v1.37.2"]) == 0
    said = capsys.readouterr()
    folder = passed.folder.path / "certification" / "v1.37" / "turbo-encabulator"
    assert said.out == f"{folder}\n"
    assert "qualifies: 3 of 3 specs passed" in said.err
    assert "Conformance results for v1.37/turbo-encabulator" in said.err
    assert (folder / "junit_01.xml").is_file()


def test_a_run_that_does_not(here: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.spec(0)
    run.spec(1, Outcome.FAILED, message="expected 1")
    run.end("failed")
    assert invoke(["certify", "20261123-223010-a1b2", "--output", "out"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "v1.37.2-kubeadm-westeurope does not qualify:\n  1 of 3 specs did not run\n    [sig-node] Taints" in said.err
    assert "  1 of 3 specs failed\n    [sig-node] Pods should be <quoted>" in said.err
    assert "PRODUCT.yaml is missing or empty" in said.err
    assert "name the vendor's PRODUCT.yaml with --product; fields: vendor, name" in said.err
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["nope"], "no run 'nope'"),
        (["20261123-223010-a1b2", "--product", "x.yaml"], "--product x.yaml cannot be read"),
        (["20261123-223010-a1b2", "--cell", "x"], "has no cell 'x'"),
    ],
)
def test_wrong_input(passed: Run, arguments: list[str], phrase: str, capsys: pytest.CaptureFixture[str]) -> None:
    passed.end()
    assert invoke(["certify", *arguments]) == 2
    said = capsys.readouterr().err
    assert phrase in said
    assert said.count("\n") == 1
