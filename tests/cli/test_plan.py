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


def test_for_programs(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "--source", f"git:{checkout}@master", "--changed-since", "v1.37.2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    head = builds.trees.git(checkout, "rev-parse", "HEAD")
    assert said["cells"][0]["source"] == f"git:{checkout}@{head}", "the commit, because the branch may move"
    assert said["suites"] == ["conformance", "loadbalancer", "pod_networking"]
    assert said["picks"][0]["specs"] == ["Conformance && sig-network && !Slow"]
    assert invoke(["plan", "--source", "path:kubernetes"]) == 0
    assert "asked for" in capsys.readouterr().out
