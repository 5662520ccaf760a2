"""Sources: what may be written, and the wrapper module around a release."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.builds.api import Resolved, Surroundings
from harness.builds.cache import digest
from harness.builds.programs import PROGRAMS, stamp, tools_file
from harness.builds.sources import open_source
from harness.builds.sources.module import ModuleSource, wrapper
from harness.builds.toolchain import parse
from harness.errors import BuildError, UsageError

SURROUNDINGS = Surroundings(Path("cache"))
GO_MOD = """\
module k8s.io/kubernetes

go 1.25.0

godebug default=go1.25

require (
	github.com/kylelemons/godebug v1.1.0 // indirect
	k8s.io/api v0.0.0
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/sample-apiserver => ./staging/src/k8s.io/sample-apiserver
)
"""


def test_wrapper_pins_the_staging_modules() -> None:
    assert wrapper(GO_MOD, "v1.35.4").splitlines() == [
        "module harness.local/kubernetes",
        "go 1.25.0",
        "godebug default=go1.25",
        "require k8s.io/kubernetes v1.35.4",
        "replace k8s.io/api => k8s.io/api v0.35.4",
        "replace k8s.io/sample-apiserver => k8s.io/sample-apiserver v0.35.4",
    ]


def test_wrapper_keeps_a_godebug_block_and_prereleases() -> None:
    text = "go 1.27\ngodebug (\n\tdefault=go1.27\n\ttlsmlkem=0\n)\nreplace k8s.io/api => ./staging/src/k8s.io/api\n"
    made = wrapper(text, "v1.38.0-alpha.1")
    assert "godebug (\n\tdefault=go1.27\n\ttlsmlkem=0\n)\n" in made
    assert "replace k8s.io/api => k8s.io/api v0.38.0-alpha.1\n" in made


def test_wrapper_needs_staging_modules() -> None:
    with pytest.raises(BuildError, match="no line replaces"):
        wrapper("module k8s.io/kubernetes\n\ngo 1.25.0\n", "v1.35.4")


@pytest.mark.parametrize("text", ["v1.37.2", "module:", ":v1.37.2", "modul:v1.37.2", ""])
def test_unknown_sources_name_the_known(text: str) -> None:
    with pytest.raises(UsageError, match=r"known schemes: .*module"):
        open_source(text, SURROUNDINGS)


@pytest.mark.parametrize("reference", ["1.37.2", "v1.37", "latest", "v1.37.2; rm", "v2.0.0"])
def test_module_wants_a_full_version(reference: str) -> None:
    with pytest.raises(UsageError, match="not a version of Kubernetes"):
        ModuleSource(SURROUNDINGS).resolve(reference)


def test_keys_of_releases_do_not_change() -> None:
    """A change here makes everybody compile again what they have."""
    packages = [program.package for program in PROGRAMS]
    sum_ = "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE="
    first = Resolved("module", "v1.37.2", f"v1.37.2 {sum_}")
    assert digest([first, packages]) == "1088c02becbaee77"
    assert digest([Resolved("module", "v1.37.2", f"v1.37.2 {sum_}", "elsewhere"), packages]) == digest(
        [first, packages]
    )


def test_stamp_names_the_version_in_both_packages(tmp_path: Path) -> None:
    (tmp_path / "stamp.json").write_text('{"buildDate": "2026-10-27T12:01:04Z", "gitCommit": "abc"}')
    flags = stamp("v1.37.2", tmp_path).split()
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"{package}.gitVersion=v1.37.2" in flags
        assert f"{package}.gitMinor=37" in flags
        assert f"{package}.gitCommit=abc" in flags
        assert f"{package}.buildDate=2026-10-27T12:01:04Z" in flags


def test_tools_file_names_every_program_and_the_tests() -> None:
    text = tools_file(PROGRAMS)
    assert text.startswith("//go:build tools\n")
    assert '_ "k8s.io/kubernetes/test/e2e"\n' in text
    assert text.count('_ "') == len(PROGRAMS) + 1


@pytest.mark.parametrize(
    ("text", "version"), [("go1.26.8", (1, 26)), ("go1.27rc1", (1, 27)), ("devel +abc", (0, 0)), ("", (0, 0))]
)
def test_go_versions(text: str, version: tuple[int, int]) -> None:
    assert parse(text) == version
