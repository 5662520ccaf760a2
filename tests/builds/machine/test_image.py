"""What a machine's layer holds, on programs that are only names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.builds.machine.image import PROGRAMS, write_image

UNITS = "usr/lib/systemd/system"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image folder as ``write_image`` leaves it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("kubeadm", "kubelet", "kubectl", "containerd", "containerd-shim-runc-v2", "ctr", "e2e.test"):
        (programs / name).write_text(name)
    made = tmp_path / "work"
    write_image(made, final=tmp_path / "final", base=tmp_path / "debian", programs=programs, registry=tmp_path / "oci")
    return made


def test_the_programs_of_a_node_are_those_of_the_build(folder: Path) -> None:
    found = {path.name: path.read_text() for path in (folder / "layer/usr/bin").iterdir()}
    assert found == {name: name for name in PROGRAMS}
    assert {"containerd", "containerd-shim-runc-v2", "ctr", "kubelet"} <= set(found)


@pytest.mark.parametrize("unit", ["containerd", "kubelet"])
def test_units_start_programs_that_are_there_but_not_at_boot(folder: Path, unit: str) -> None:
    text = (folder / f"layer/{UNITS}/{unit}.service").read_text()
    [started] = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart=")]
    assert (folder / "layer" / started.removeprefix("/")).is_file()
    assert not list((folder / "layer").glob(f"etc/systemd/system/*.wants/{unit}.service"))


def test_the_image_names_its_final_place(folder: Path, tmp_path: Path) -> None:
    image = json.loads((folder / "image.json").read_text())
    assert image["layers"] == [str(tmp_path / "final/layer"), str(tmp_path / "debian")]
    assert image["seeds"] == {"var/lib/containerd": str(tmp_path / "final/containerd")}
