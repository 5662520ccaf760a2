"""Layers and layouts: reproducible, complete, readable by others."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from harness.builds.images.ground import release
from harness.builds.images.kitchen import Reference
from harness.builds.images.layers import NET_BIND_SERVICE, Entry, write_entries, write_folder
from harness.builds.images.oci import Config, Image, Layout

ENTRIES = [
    Entry("usr/local/bin/tool", content=b"tool", mode=0o6755),
    Entry("bin/sh", target="busybox"),
    Entry("tmp", mode=0o1777),
]


def test_layer_is_the_same_each_time(tmp_path: Path) -> None:
    first = write_entries(ENTRIES, tmp_path / "a")
    second = write_entries(reversed(ENTRIES), tmp_path / "b")
    assert first.digest == second.digest
    assert first.digest == f"sha256:{hashlib.sha256((tmp_path / 'a').read_bytes()).hexdigest()}"
    assert first.size == (tmp_path / "a").stat().st_size


def test_layer_has_parents_before_children_and_modes(tmp_path: Path) -> None:
    write_entries(ENTRIES, tmp_path / "layer")
    with tarfile.open(tmp_path / "layer") as archive:
        found = {member.name: member for member in archive}
    assert list(found) == ["bin", "bin/sh", "tmp", "usr", "usr/local", "usr/local/bin", "usr/local/bin/tool"]
    assert found["bin/sh"].linkname == "busybox"
    assert found["tmp"].mode == 0o1777
    assert found["usr/local/bin/tool"].mode == 0o6755
    assert {member.mtime for member in found.values()} == {0}


def test_capability_is_an_extended_attribute(tmp_path: Path) -> None:
    write_entries([Entry("coredns", content=b"x", capability=NET_BIND_SERVICE)], tmp_path / "layer")
    with tarfile.open(tmp_path / "layer") as archive:
        value = archive.getmember("coredns").pax_headers["SCHILY.xattr.security.capability"]
    assert value.encode("latin-1").hex() == "0100000200040000000000000000000000000000"


def test_folder_layer_empties_what_is_skipped(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/file").write_text("x")
    (root / "dev").mkdir()
    (root / "dev/null").write_text("")
    (root / "link").symlink_to("etc/file")
    write_folder(root, tmp_path / "layer", ("dev",))
    with tarfile.open(tmp_path / "layer") as archive:
        assert archive.getnames() == ["dev", "etc", "etc/file", "link"]


def test_layout_holds_every_blob_it_names(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "oci")
    shared = write_entries(ENTRIES, tmp_path / "shared")
    own = layout.layer([Entry("own", content=b"own")])
    config = Config(entrypoint=("/own",), user="65532:65532", ports=("53/udp",))
    layout.add("registry.k8s.io/tool:v1", Image((shared, own), config))
    layout.add("registry.k8s.io/other:v1", Image((shared,), Config(command=("sh",))))
    layout.finish()
    index = json.loads((tmp_path / "oci/index.json").read_text())
    names = [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]]
    assert names == ["registry.k8s.io/tool:v1", "registry.k8s.io/other:v1"]
    for entry in index["manifests"]:
        manifest = json.loads(layout.blob(entry["digest"]))
        document = json.loads(layout.blob(manifest["config"]["digest"]))
        assert [layer["digest"] for layer in manifest["layers"]] == document["rootfs"]["diff_ids"]
        for part in (entry, manifest["config"], *manifest["layers"]):
            data = layout.blob(part["digest"])
            assert len(data) == part["size"]
            assert f"sha256:{hashlib.sha256(data).hexdigest()}" == part["digest"]
    first = json.loads(layout.blob(json.loads(layout.blob(index["manifests"][0]["digest"]))["config"]["digest"]))
    assert first["config"]["Entrypoint"] == ["/own"]
    assert first["config"]["ExposedPorts"] == {"53/udp": {}}
    assert first["config"]["User"] == "65532:65532"
    assert "Cmd" not in first["config"]


def test_reference_parts() -> None:
    reference = Reference("registry.k8s.io/e2e-test-images/agnhost:2.66.1")
    assert (reference.host, reference.repository, reference.tag) == (
        "registry.k8s.io",
        "e2e-test-images/agnhost",
        "2.66.1",
    )


def test_an_image_in_place_of_an_alpine_one_says_both() -> None:
    debian = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\nID=debian\n'
    assert release(debian).splitlines() == [
        'PRETTY_NAME="Debian GNU/Linux 13 (trixie) with BusyBox, in place of Alpine Linux"',
        'NAME="Debian GNU/Linux"',
        "ID=debian",
    ]
