"""What runs beside Kubernetes: which ones, from where, and what their programs call themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.builds import components
from harness.builds.api import Surroundings, silent
from harness.builds.cache import Cache
from harness.builds.components import Part
from harness.builds.toolchain import find_toolchain
from harness.errors import UsageError

from .trees import repository

CONTAINERD = components.CONTAINERD
_MAIN = f'package main\n\nimport "{CONTAINERD.module}/version"\n\nfunc main() {{ println(version.Version) }}\n'


def chosen(place: Path, *asked: str) -> dict[str, Part]:
    """The parts by component."""
    return {part.component.name: part for part in components.choose(asked, Surroundings(place / "cache"))}


def checkout(place: Path, module: str = CONTAINERD.module) -> Path:
    """A repository laid out like containerd's, each of whose commands says its version."""
    tree = {
        "go.mod": f"module {module}\n\ngo 1.26.0\n",
        "go.sum": "",
        "vendor/modules.txt": "# left behind\n",
        "version/version.go": 'package version\n\nvar Version = "unstamped"\n',
        **{f"cmd/{name}/main.go": _MAIN for name, _ in CONTAINERD.programs},
    }
    return repository(place / "containerd", tree, tag="v2.5.0")


def test_every_component_has_a_version_of_ours(tmp_path: Path) -> None:
    parts = chosen(tmp_path)
    assert set(parts) == {"cloud-provider-azure", "containerd", "coredns", "etcd"}
    assert components.versions(parts.values())["containerd"] == CONTAINERD.version


def test_another_release_is_stamped_as_such(tmp_path: Path) -> None:
    part = chosen(tmp_path, "containerd=module:v2.3.7")["containerd"]
    assert part.label == "v2.3.7"
    assert part.component.stamp == f"-X {CONTAINERD.module}/version.Version=v2.3.7"
    stamp = chosen(tmp_path, "cloud-provider-azure=module:v1.35.1")["cloud-provider-azure"].component.stamp
    assert stamp.split()[1::2] == [
        "sigs.k8s.io/cloud-provider-azure/pkg/version.gitVersion=v1.35.1",
        "k8s.io/client-go/pkg/version.gitVersion=v1.35.1",
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["containerd=module:v1.7.30"], "v1.7.30 is not a version of github.com/containerd/containerd/v2"),
        (["etcd=module:v2.3.8"], "versions of it begin with v3., like"),
        (["runc=module:v1.3.0"], "components: cloud-provider-azure, containerd, coredns, etcd"),
        (["containerd"], "not of the form NAME=SOURCE"),
        (["containerd=module:v2.4.1", "containerd=module:v2.4.2"], "twice"),
        (["containerd=debian"], "write module:VERSION, path:DIR or git:URL@REF"),
    ],
)
def test_what_there_is_not_is_refused(tmp_path: Path, asked: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(tmp_path, *asked)
    assert said in str(caught.value)
    assert not (tmp_path / "cache/components").exists()


def test_a_checkout_of_something_else_is_refused(tmp_path: Path) -> None:
    place = checkout(tmp_path, "github.com/containerd/containerd")
    with pytest.raises(UsageError, match=r"its module is github\.com/containerd/containerd") as caught:
        chosen(tmp_path, f"containerd=path:{place}")
    assert f"name a checkout of {CONTAINERD.module}" in str(caught.value)


def test_a_checkout_is_its_version_and_its_content(tmp_path: Path) -> None:
    place = checkout(tmp_path)
    before = chosen(tmp_path, f"containerd=path:{place}")["containerd"]
    (place / "version/more.go").write_text("package version\n")
    after = chosen(tmp_path, f"containerd=path:{place}")["containerd"]
    assert (before.version, after.version) == ("v2.5.0", "v2.5.0-dirty")
    assert before.label != after.label


@pytest.mark.e2e
def test_programs_of_a_checkout_say_its_version(tmp_path: Path) -> None:
    part = chosen(tmp_path, f"containerd=path:{checkout(tmp_path)}")["containerd"]
    folder = components.component(Cache(tmp_path / "cache"), part, find_toolchain(), silent)
    assert {path.name for path in folder.iterdir()} == {name for name, _ in CONTAINERD.programs}
    said = subprocess.run([folder / "ctr"], capture_output=True, text=True, check=True, timeout=10)
    assert said.stderr == "v2.5.0\n"
