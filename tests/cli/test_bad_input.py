"""Wrong input is one clear line and exit code 2, before anything is created."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.main import invoke


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--flavour", "x"], ["--flavour", "harness run --help"]),
        (["rnu"], ["rnu"]),
        (["run", "--cloud", "gce"], ["--cloud", "gce", "local, azure"]),
        (["run", "--deadline", "soon"], ["--deadline", "30m"]),
        (["run", "--cloud", "azure", "--location", "West Europe"], ["West Europe", "westeurope"]),
        (["run", "--cloud", "azure", "--deployer", "magic"], ["magic", "kubeadm"]),
        (["run", "--cloud", "azure", "--source", "v1.37.2"], ["v1.37.2", "module"]),
        (["run", "--cloud", "azure", "--source", "svn:trunk"], ["svn", "module"]),
        (["run", "--cloud", "azure", "--source", "path:nowhere"], ["nowhere", "no such folder"]),
        (["run", "--cloud", "azure", "--source", "path:."], ["not a git checkout"]),
        (["run", "--cloud", "azure", "--source", "git:nowhere@master"], ["nowhere"]),
        (["run", "--cloud", "azure", "--source", "git:nowhere"], ["URL@REF"]),
        (["run", "--cloud", "azure", "--source", "release:1.37"], ["release:1.37", "stable-1.37"]),
        (
            ["run", "--cloud", "azure", "--source", "ci:latest", "--release-mirror", "http://127.0.0.1:9"],
            ["http://127.0.0.1:9/ci/latest.txt", "refused", "--release-mirror"],
        ),
        (["run", "--cloud", "azure", "--release-mirror", "dl.k8s.io", "--source", "ci:latest"], ["dl.k8s.io", "https"]),
        (["run", "--cloud", "azure", "--component", "flannel=path:."], ["flannel", "cloud-provider-azure"]),
        (["run", "--cloud", "azure", "--component", "etcd=path:."], ["not a git checkout"]),
        (["plan", "--cloud", "azure", "--changed-since", "master"], ["--changed-since master", "path:DIR"]),
        (["build", "release:v0.1"], ["release:v0.1"]),
        (["run", "--cloud", "azure", "--suite", "nope"], ["nope", "loadbalancer"]),
        (["run", "--cloud", "azure", "--label-filter", "(a"], ["--label-filter", "position 1", "no ) for this ("]),
        (["run", "--cloud", "azure", "--focus", "["], ["--focus", "not a regular expression"]),
        (["run", "--cloud", "azure", "--deselect-from", "known.txt"], ["--deselect-from", "known.txt cannot be read"]),
        (
            ["run", "--cloud", "azure", "--conformance", "full", "--workers", "1"],
            ["--workers 1", "2 schedulable nodes"],
        ),
        (["down", "--run", "nope"], ["nope", "harness status"]),
        (["test", "--run", "nope"], ["nope"]),
        (["build", "module:"], ["module"]),
        (["cloud", "journal"], ["does not run", "harness cloud start"]),
        (["cloud", "fault", "throttled"], ["does not run"]),
    ],
)
def test_wrong_input(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]) -> None:
    assert invoke(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert [word for word in words if word not in said.err] == []
    assert not (here / "reports").exists()


def test_a_malformed_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "harness.toml").write_text("workers = [\n")
    assert invoke(["status"]) == 2
    assert "harness.toml is not valid TOML" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "reports").write_text("a file")
    assert invoke(["run", "--cloud", "azure", "--suite", "loadbalancer"]) == 2
    assert "choose another with --reports" in capsys.readouterr().err


def test_status_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["status"]) == 0
    assert "nothing exists" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"], ["cloud", "--help"], ["--version"]])
def test_help_costs_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(arguments) == 0
    assert capsys.readouterr().out
