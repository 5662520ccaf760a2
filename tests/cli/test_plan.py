"""``harness plan`` says what would run and why, and makes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import builds.trees
import pytest

from harness.cli.main import invoke


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one change of kube-proxy; suites are the shipped ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = builds.trees.repository(tmp_path / "kubernetes", builds.trees.files())
    builds.trees.write(folder, {"cmd/kube-proxy/more.go": "package main\n"})
    builds.trees.commit(folder, "change")
    return folder


def test_a_change_and_its_reasons(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = builds.trees.git(checkout, "rev-parse", "HEAD")
    assert invoke(["plan", "--source", "path:kubernetes", "--changed-since", "v1.37.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [f"v1.37.2-1+{head[:14]}-kubeadm-westeurope", f"path:{checkout}", "to", "build"]
    assert (
        f"path:{checkout}: 1 changed file since v1.37.2 ({builds.trees.git(checkout, 'rev-parse', 'v1.37.2')[:12]})"
        in lines
    )
    reasons = [line for line in lines if "cmd/kube-proxy/more.go: kube-proxy" in line]
    assert [line.split()[0] for line in reasons][1:] == ["loadbalancer", "pod_networking"]
    assert not any(line.startswith("volumes") for line in lines)
    assert not (checkout.parent / "reports").exists()


@pytest.mark.parametrize(
    ("flags", "clusters"), [((), 3), (("--clusters", "2"), 2), (("--clusters", "1"), 1), (("--cloud", "azure"), 1)]
)
def test_a_change_that_picks_serial_specs_gets_clusters_for_them_where_they_cost_little(
    checkout: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], clusters: int
) -> None:
    builds.trees.write(checkout, {"pkg/scheduler/more.go": "package scheduler\n"})
    asked = ["plan", "--source", "path:kubernetes", "--changed-since", "v1.37.2", *flags]
    assert invoke(asked) == 0
    titles, cell, *_ = capsys.readouterr().out.splitlines()
    assert ("clusters" in titles) == (clusters > 1)
    assert clusters == 1 or cell.endswith(f"to build  {clusters}")
    assert invoke([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"][0]["clusters"] == clusters


def test_for_programs(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "--source", f"git:{checkout}@master", "--changed-since", "v1.37.2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    head = builds.trees.git(checkout, "rev-parse", "HEAD")
    assert said["cells"][0]["source"] == f"git:{checkout}@{head}", "the commit, because the branch may move"
    assert said["suites"] == ["conformance", "loadbalancer", "pod_networking"]
    assert said["picks"][0]["specs"] == ["Conformance && sig-network && !Slow"]
    assert invoke(["plan", "--source", "path:kubernetes"]) == 0
    assert "asked for" in capsys.readouterr().out


def test_the_cells_of_a_matrix_with_their_suites_and_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shipped = Path(__file__).parents[2] / "jenkins" / "matrix.yaml"
    assert invoke(["plan", "--matrix", str(shipped), "--suite", "volumes", "--suite", "loadbalancer"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["cell", "source", "build", "suites", "owner"]
    assert [line.split()[0] for line in lines[1:4]] == [
        "v1.37.2-kubeadm-westeurope",
        "v1.36.3-kubeadm-northeurope",
        "v1.35.4-kubeadm-swedencentral",
    ]
    assert all(line.endswith("loadbalancer, volumes  sig-cloud-provider-azure") for line in lines[1:4])
    assert invoke(["plan", "--matrix", str(shipped), "--source", "module:v1.36.3", "--json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    assert cell["location"] == "northeurope"


@pytest.mark.parametrize("command", ["plan", *(pytest.param(name, marks=pytest.mark.root) for name in ("run", "up"))])
def test_a_matrix_that_is_wrong_is_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "matrix.yaml").write_text("axes: {source: [module:v1.37.2]}\nowners: []\n")
    assert invoke([command, "--matrix", "matrix.yaml"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "matrix.yaml: axes lacks the key" in said
    assert not (tmp_path / "reports").exists()
