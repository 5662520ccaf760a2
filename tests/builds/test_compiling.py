"""The real compiler on small modules that are laid out like a prepared one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.builds import programs
from harness.builds.toolchain import find_toolchain
from harness.errors import BuildError

KUBECTL = 'package main\n\nimport "k8s.io/client-go/pkg/version"\n\nfunc main() { println(version.Get()) }\n'
VERSION = 'package version\n\nvar gitVersion = "unstamped"\n\nfunc Get() string { return gitVersion }\n'


def module(folder: Path, main: str) -> Path:
    """A wrapper module whose Kubernetes is a folder with one command."""
    files = {
        "go.mod": "module harness.local/kubernetes\ngo 1.26\nrequire k8s.io/kubernetes v1.37.2\n"
        "require k8s.io/client-go v0.37.2\n"
        "replace k8s.io/kubernetes => ./kubernetes\nreplace k8s.io/client-go => ./client-go\n",
        "tools.go": '//go:build tools\n\npackage tools\n\nimport (\n\t_ "k8s.io/kubernetes/cmd/kubectl"\n)\n',
        "kubernetes/go.mod": "module k8s.io/kubernetes\ngo 1.26\n",
        "kubernetes/cmd/kubectl/main.go": main,
        "client-go/go.mod": "module k8s.io/client-go\ngo 1.26\n",
        "client-go/pkg/version/version.go": VERSION,
    }
    for name, text in files.items():
        path = folder / "module" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "module"


@pytest.mark.e2e
def test_programs_are_stamped(tmp_path: Path) -> None:
    prepared = module(tmp_path, KUBECTL)
    target = tmp_path / "bin"
    target.mkdir()
    programs.compile_programs(find_toolchain(), prepared, programs.stamp("v1.37.2", prepared), target, print)
    assert [path.name for path in target.iterdir()] == ["kubectl"]
    said = subprocess.run([target / "kubectl"], capture_output=True, text=True, check=True, timeout=10)
    assert said.stderr == "v1.37.2\n"


@pytest.mark.e2e
def test_failure_has_the_compilers_last_lines(tmp_path: Path) -> None:
    prepared = module(tmp_path, "package main\n\nfunc main() { undefinedName() }\n")
    with pytest.raises(BuildError, match="compile Kubernetes") as caught:
        programs.compile_programs(find_toolchain(), prepared, "-s", tmp_path, print)
    assert "undefined: undefinedName" in caught.value.log_tail
