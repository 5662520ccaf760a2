"""A whole build of the default source, found in the user's cache or made there."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from harness.builds import open_builder
from harness.builds.api import Build
from harness.builds.components import CONTAINERD
from harness.settings import Settings

pytestmark = pytest.mark.e2e
SOURCE = Settings().source[0]


@pytest.fixture(scope="module")
def build() -> Build:
    return open_builder(Settings().cache).build(SOURCE, print)


def test_found_again_at_once(build: Build) -> None:
    begin = time.monotonic()
    assert open_builder(Settings().cache).find(SOURCE) == build
    assert time.monotonic() - begin < 5


def test_programs_say_who_they_are(build: Build) -> None:
    said = subprocess.run(
        [build.program("kubelet"), "--version"], capture_output=True, text=True, check=True, timeout=30
    )
    assert said.stdout == f"Kubernetes {build.version}\n"
    said = subprocess.run(
        [build.program("containerd"), "--version"], capture_output=True, text=True, check=True, timeout=30
    )
    assert said.stdout.split()[1:3] == [CONTAINERD.module, build.record["components"]["containerd"]]


def test_every_image_kubeadm_wants_is_there(build: Build) -> None:
    wanted = subprocess.run(
        [build.program("kubeadm"), "config", "images", "list", "--kubernetes-version", build.version],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    index = json.loads((build.oci / "index.json").read_text())
    names = {entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]}
    assert set(wanted.stdout.split()) <= names
    assert names == set(build.record["images"])


def test_inventory_counts_conformance(build: Build) -> None:
    specs = json.loads(build.inventory.read_text())["specs"]
    assert len({spec["text"] for spec in specs}) > 3000
    assert sum("Conformance" in spec["labels"] for spec in specs) > 400
    assert any(spec["serial"] for spec in specs)
    assert all(spec["location"].startswith("test/") for spec in specs)


def test_managed_image_is_complete(build: Build) -> None:
    folder = open_builder(Settings().cache).node_image(build, print)
    image = json.loads((folder / "image.json").read_text())
    top, base = map(Path, image["layers"])
    for name in ("kubelet", "containerd"):
        assert (top / "usr/bin" / name).samefile(build.program(name))
        assert not (base / "usr/bin" / name).exists(), "of the distribution"
    store = Path(image["seeds"]["var/lib/containerd"])
    blobs = store / "io.containerd.content.v1.content/blobs/sha256"
    for blob in (build.oci / "blobs/sha256").iterdir():
        assert (blobs / blob.name).samefile(blob), "the store keeps a second copy of a blob"
    assert list(store.rglob("*.db"))
