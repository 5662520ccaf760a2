"""Releases and continuous builds from a mirror: markers, checksums, faults, and a build of what was fetched."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.builds import programs
from harness.builds.api import Surroundings, silent
from harness.builds.sources import open_source
from harness.builds.sources.release import PROGRAMS
from harness.builds.toolchain import find_toolchain
from harness.errors import BuildError, HarnessError, UsageError

from ..trees import files
from .mirror import Server, serving

CI = "v1.38.0-alpha.0.5+0123456789abcd"
PUBLISHED = {name: f"#!/bin/sh\necho published {name}\n".encode() for name in PROGRAMS}
TESTS = b"#!/bin/sh\necho published tests\n"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "mirror") as server:
        server.publish("release/v1.37.2", PUBLISHED, TESTS, files())
        server.mark("release/stable.txt", "v1.37.2")
        server.mark("release/stable-1.37.txt", "v1.37.2")
        server.mark("ci/latest.txt", CI)
        server.publish(f"ci/{CI}", PUBLISHED, TESTS, files(), top="kubernetes/")
        yield server


@pytest.fixture
def place(tmp_path: Path, mirror: Server) -> Surroundings:
    return Surroundings(tmp_path / "cache", mirror.url + "/")


def resolve(source: str, place: Surroundings) -> tuple[str, str, str]:
    """Version, identity, and what resolves to the same again."""
    opened, reference = open_source(source, place)
    found = opened.resolve(reference)
    return found.version, found.identity, found.reference


def prepare(source: str, place: Surroundings, folder: Path) -> Path:
    """The prepared module."""
    opened, reference = open_source(source, place)
    folder.mkdir()
    opened.prepare(opened.resolve(reference), folder, silent)
    return folder


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("release:v1.37.2", "v1.37.2"),
        ("release:stable", "v1.37.2"),
        ("release:stable-1.37", "v1.37.2"),
        ("ci:latest", CI),
        (f"ci:{CI}", CI),
    ],
)
def test_versions_and_markers(place: Surroundings, source: str, version: str) -> None:
    found, _, reference = resolve(source, place)
    assert (found, reference) == (version, version)


def test_ci_fast_is_a_folder_of_its_own(place: Surroundings, mirror: Server) -> None:
    mirror.mark("ci/fast/latest-fast.txt", CI)
    mirror.publish(f"ci/fast/{CI}", PUBLISHED, TESTS, files())
    assert resolve("ci:fast/latest-fast", place)[2] == f"fast/{CI}"
    assert resolve(f"ci:fast/{CI}", place)[0] == CI


def test_identity_follows_what_was_published(place: Surroundings, mirror: Server, tmp_path: Path) -> None:
    before = resolve("release:v1.37.2", place)[1]
    asked = len(mirror.asked)
    assert resolve("release:v1.37.2", place)[1] == before
    assert len(mirror.asked) == asked, "a published version never changes"
    mirror.publish("release/v1.37.2", {**PUBLISHED, "kubelet": b"other"}, TESTS, files())
    elsewhere = replace(place, cache=tmp_path / "fresh")
    assert resolve("release:v1.37.2", elsewhere)[1] != before


def test_what_a_module_is_prepared_of(place: Surroundings, mirror: Server, tmp_path: Path) -> None:
    for source, name in (("release:v1.37.2", "a"), ("ci:latest", "b")):
        module = prepare(source, place, tmp_path / name)
        assert {path.name for path in (module / "bin").iterdir()} == {*PROGRAMS, "e2e.test"}
        said = subprocess.run([module / "bin/kubelet"], capture_output=True, text=True, check=True, timeout=10)
        assert said.stdout == "published kubelet\n"
        assert (module / "kubernetes/staging/src/k8s.io/client-go/go.mod").is_file()
        assert not (module / "kubernetes/vendor").exists()
    downloads = [path for path in mirror.asked if path.endswith("/kubelet")]
    assert len(downloads) == 1, "the same content is fetched once"


@pytest.mark.e2e
def test_published_programs_are_used_and_the_others_compiled(place: Surroundings, tmp_path: Path) -> None:
    module = prepare("release:v1.37.2", place, tmp_path / "module")
    target = tmp_path / "bin"
    target.mkdir()
    programs.take_ready(module, target)
    programs.compile_programs(find_toolchain(), module, programs.stamp("v1.37.2", module), target, silent)
    programs.compile_tests(find_toolchain(), module, "", target, silent)
    assert (target / "e2e.test").read_bytes() == TESTS
    assert (target / "kubelet").read_bytes() == PUBLISHED["kubelet"]
    said = subprocess.run([target / "agnhost"], capture_output=True, text=True, check=True, timeout=10)
    assert said.stderr.startswith("v1.37.2 37 ")


def test_a_wrong_checksum_is_refused_and_nothing_kept(place: Surroundings, mirror: Server, tmp_path: Path) -> None:
    (mirror.folder / "release/v1.37.2/bin/linux/amd64/kubelet").write_bytes(b"tampered")
    with pytest.raises(BuildError, match=r"kubelet; waited for sha512 .*; last seen: sha512 .*--release-mirror"):
        prepare("release:v1.37.2", place, tmp_path / "module")
    assert not list((place.cache / "downloads").rglob("kubelet"))


def test_sha256_is_enough_and_no_checksum_is_not(place: Surroundings, mirror: Server, tmp_path: Path) -> None:
    base = mirror.folder / "release/v1.37.2"
    for path in base.rglob("*.sha512"):
        path.unlink()
    assert (prepare("release:v1.37.2", place, tmp_path / "module") / "bin/kubelet").exists()
    (base / "bin/linux/amd64/kubelet.sha256").unlink()
    with pytest.raises(UsageError, match=r"kubelet.*no \.sha512 and no \.sha256"):
        resolve("release:v1.37.2", replace(place, cache=tmp_path / "fresh"))


def test_busy_mirrors_are_asked_again(place: Surroundings, mirror: Server) -> None:
    mirror.busy = [503, 429]
    assert resolve("release:stable", place)[0] == "v1.37.2"


def test_a_download_that_breaks_off(place: Surroundings, mirror: Server, tmp_path: Path) -> None:
    mirror.broken = ["release/v1.37.2/bin/linux/amd64/kubelet"]
    with pytest.raises(BuildError, match="kubelet; last seen: the connection broke"):
        prepare("release:v1.37.2", place, tmp_path / "module")
    assert (prepare("release:v1.37.2", place, tmp_path / "again") / "bin/kubelet").exists()


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("kubernetes-test-linux-amd64.tar.gz", {"kubernetes/test/bin/ginkgo": b"x"}, "no e2e.test in it"),
        ("kubernetes-src.tar.gz", {"README": b"x"}, "no go.mod in it"),
    ],
)
def test_archives_without_what_they_are_for(
    place: Surroundings, mirror: Server, tmp_path: Path, path: str, content: dict[str, bytes], said: str
) -> None:
    from .mirror import archive

    mirror.add(f"release/v1.37.2/{path}", archive(content))
    with pytest.raises(BuildError, match=said):
        prepare("release:v1.37.2", place, tmp_path / "module")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("release:1.37.2", "neither a version nor a marker|there is none"),
        ("release:v1.37", "neither a version nor a marker.*stable"),
        ("release:../etc", "neither a version nor a marker"),
        ("release:STABLE", "neither a version nor a marker"),
        ("release:newest", r"release/newest\.txt; last seen: there is none.*stable"),
        ("ci:newest", r"ci/newest\.txt; last seen: there is none.*fast/latest-fast"),
        ("release:v1.36.0", r"v1\.36\.0/.*no \.sha512"),
        ("release:odd", "it says '<html>', which is no version"),
    ],
)
def test_wrong_references(place: Surroundings, mirror: Server, source: str, said: str) -> None:
    mirror.mark("release/odd.txt", "<html>")
    with pytest.raises(UsageError, match=said) as caught:
        resolve(source, place)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["dl.k8s.io", "ftp://dl.k8s.io", "", "https:///x"])
def test_a_mirror_is_a_url(place: Surroundings, url: str) -> None:
    with pytest.raises(UsageError, match="is not a URL"):
        resolve("release:stable", replace(place, mirror=url))


def test_a_mirror_that_does_not_answer(place: Surroundings) -> None:
    with pytest.raises(
        HarnessError, match=r"reach http://127\.0\.0\.1:9/release/stable\.txt; last seen: .*refused"
    ) as caught:
        resolve("release:stable", replace(place, mirror="http://127.0.0.1:9"))
    assert "\n" not in str(caught.value)
