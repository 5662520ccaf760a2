"""Checkouts as sources: the wrapper module, the stamp, and programs that the real compiler makes of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from harness.builds import programs
from harness.builds.api import Resolved, Surroundings, silent
from harness.builds.sources import open_source
from harness.builds.sources.tree import wrapper
from harness.builds.toolchain import find_toolchain
from harness.errors import BuildError, UsageError

from ..trees import commit, files, git, repository, write

GO_MOD = """\
module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require (
	github.com/x/y v1.0.0
	k8s.io/api v0.0.0
)

replace (
	github.com/x/y => github.com/z/y v1.2.0
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/sample-apiserver => ./staging/src/k8s.io/sample-apiserver
)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return repository(tmp_path / "kubernetes", files())


def prepared(source: str, place: Path) -> tuple[Resolved, Path]:
    """The prepared module of a source."""
    opened, reference = open_source(source, Surroundings(place / "cache"))
    resolved = opened.resolve(reference)
    folder = place / f"module-{resolved.version}"
    folder.mkdir()
    opened.prepare(resolved, folder, silent)
    return resolved, folder


def test_wrapper_asks_for_what_a_release_of_the_same_base_asks_for() -> None:
    assert wrapper(GO_MOD, ["k8s.io/api", "k8s.io/klog"], "v1.37.2-5+0123456789abcd-dirty").splitlines() == [
        "module harness.local/kubernetes",
        "go 1.26.0",
        "godebug default=go1.26",
        "require k8s.io/kubernetes v1.37.2",
        "require k8s.io/api v0.37.2",
        "replace k8s.io/kubernetes => ./kubernetes",
        "replace k8s.io/api => ./kubernetes/staging/src/k8s.io/api",
        "replace k8s.io/sample-apiserver => ./kubernetes/staging/src/k8s.io/sample-apiserver",
        "replace github.com/x/y => github.com/z/y v1.2.0",
    ]


def test_wrapper_reads_single_lines_and_needs_staging_modules() -> None:
    text = "module k8s.io/kubernetes\ngo 1.26\nreplace k8s.io/api => ./staging/src/k8s.io/api\n"
    assert "replace k8s.io/api => ./kubernetes/staging/src/k8s.io/api\n" in wrapper(text, (), "v1.38.0-alpha.1.2+abc")
    with pytest.raises(BuildError, match="no line replaces a staging module"):
        wrapper("module k8s.io/kubernetes\ngo 1.26\n", (), "v1.38.0")


def test_a_checkout_of_something_else(tmp_path: Path) -> None:
    for name, tree, said in (
        ("none", {"README": "x"}, "no go.mod"),
        ("other", {"go.mod": "module example.org/x\n"}, "its go.mod is of example.org/x"),
    ):
        folder = repository(tmp_path / name, tree)
        for source in (f"path:{folder}", f"git:{folder}@master"):
            opened, reference = open_source(source, Surroundings(tmp_path))
            with pytest.raises(UsageError, match=said):
                opened.resolve(reference)


def test_the_same_content_has_the_same_key_by_path_and_copy(checkout: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(checkout), "copy")
    first, second = (
        open_source(f"path:{folder}", Surroundings(tmp_path))[0].resolve(str(folder))
        for folder in (checkout, tmp_path / "copy")
    )
    assert repr(first) == repr(second)
    assert first.reference != second.reference


def test_a_branch_is_pinned_to_its_commit(checkout: Path, tmp_path: Path) -> None:
    opened, reference = open_source(f"git:{checkout}@master", Surroundings(tmp_path / "cache"))
    resolved = opened.resolve(reference)
    write(checkout, {"cmd/kubectl/more.go": "package main\n"})
    commit(checkout, "more")
    assert opened.resolve(resolved.reference) == resolved
    assert opened.resolve(reference).version != resolved.version


def test_files_that_change_between_planning_and_building(checkout: Path, tmp_path: Path) -> None:
    opened, reference = open_source(f"path:{checkout}", Surroundings(tmp_path))
    resolved = opened.resolve(reference)
    write(checkout, {"cmd/kubectl/more.go": "package main\n"})
    with pytest.raises(BuildError, match="files changed after they were looked at"):
        opened.prepare(resolved, tmp_path / "module", silent)


@pytest.mark.e2e
@pytest.mark.parametrize("scheme", ["path", "git"])
def test_programs_of_a_checkout_say_what_they_are(checkout: Path, tmp_path: Path, scheme: str) -> None:
    write(checkout, {"cmd/kubectl/more.go": "package main\n"})
    head = commit(checkout, "more")
    if scheme == "path":
        write(checkout, {"cmd/kubectl/most.go": "package main\n"})
    resolved, module = prepared(f"path:{checkout}" if scheme == "path" else f"git:file://{checkout}@master", tmp_path)
    assert resolved.version == f"v1.37.2-1+{head[:14]}" + ("-dirty" if scheme == "path" else "")
    assert not (module / "kubernetes/vendor").exists()
    target = tmp_path / "bin"
    target.mkdir()
    flags = programs.stamp(resolved.version, module)
    programs.compile_programs(find_toolchain(), module, flags, target, silent)
    assert {"kubectl", "kubelet", "agnhost", "sample-apiserver", "kube-log-runner"} <= {
        path.name for path in target.iterdir()
    }
    said = subprocess.run([target / "kubectl"], capture_output=True, text=True, check=True, timeout=10).stderr
    state = "dirty" if scheme == "path" else "clean"
    assert said == f"{resolved.version} 37+ {head} {state} 2026-10-27T12:01:04Z\n"
    assert programs.tree(find_toolchain(), module) == module / "kubernetes"


@pytest.mark.e2e
def test_only_what_changed_is_compiled_again(checkout: Path, tmp_path: Path) -> None:
    """Also where the files lie elsewhere, as after each change they do."""

    def compiled(module: Path) -> set[str]:
        arguments = [
            "list",
            "-trimpath",
            "-export",
            "-deps",
            "-f",
            "{{.ImportPath}} {{.BuildID}}",
            "k8s.io/kubernetes/cmd/...",
        ]
        return set(find_toolchain().run(arguments, "list", cwd=module, timeout=300).splitlines())

    before = compiled(prepared(f"path:{checkout}", tmp_path)[1])
    write(checkout, {"cmd/kube-proxy/main.go": "package main\n\nfunc main() { println(1) }\n"})
    commit(checkout, "a bug")
    after = compiled(prepared(f"path:{checkout}", tmp_path)[1])
    assert {line.split()[0] for line in after - before} == {"k8s.io/kubernetes/cmd/kube-proxy"}


def test_stamp_of_a_prepared_module_without_git(tmp_path: Path) -> None:
    (tmp_path / programs.STAMP).write_text(json.dumps({"gitTreeState": "archive"}))
    assert "k8s.io/client-go/pkg/version.gitMinor=37" in programs.stamp("v1.37.2", tmp_path)
