"""A small tree laid out like a checkout of Kubernetes: every program that a build wants, staging modules, a go.mod with their pins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

STAGING = ("client-go", "component-base", "sample-apiserver")
COMMANDS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubeadm",
    "kubectl",
)
_MAIN = 'package main\n\nimport "k8s.io/client-go/pkg/version"\n\nfunc main() { println(version.Get()) }\n'
_VERSION = (
    'package version\n\nvar gitVersion = "unstamped"\n\nvar gitCommit, gitTreeState, gitMinor, buildDate string\n\n'
)
_GET = 'func Get() string { return gitVersion + " " + gitMinor + " " + gitCommit + " " + gitTreeState + " " + buildDate }\n'

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "c",
    "GIT_COMMITTER_EMAIL": "c@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_DATE": "2026-10-27T14:01:04+02:00",
    "GIT_COMMITTER_DATE": "2026-10-27T14:01:04+02:00",
}


def files() -> dict[str, str]:
    """Path -> text."""
    replaced = "".join(f"\tk8s.io/{name} => ./staging/src/k8s.io/{name}\n" for name in STAGING)
    required = "".join(f"\tk8s.io/{name} v0.0.0\n" for name in STAGING)
    tree = {
        "go.mod": f"module k8s.io/kubernetes\n\ngo 1.26.0\n\nrequire (\n{required})\n\nreplace (\n{replaced})\n",
        "go.sum": "",
        ".gitignore": "/_output\n",
        "vendor/modules.txt": "# left behind\n",
        "test/e2e/e2e_test.go": 'package e2e\n\nimport "testing"\n\nfunc TestE2E(t *testing.T) {}\n',
        "test/images/agnhost/main.go": _MAIN,
        "staging/src/k8s.io/client-go/go.mod": "module k8s.io/client-go\n\ngo 1.26.0\n",
        "staging/src/k8s.io/client-go/pkg/version/version.go": _VERSION + _GET,
        "staging/src/k8s.io/component-base/go.mod": _requiring("component-base", "client-go"),
        "staging/src/k8s.io/component-base/version/version.go": _VERSION,
        "staging/src/k8s.io/component-base/logs/kube-log-runner/main.go": _MAIN,
        "staging/src/k8s.io/sample-apiserver/go.mod": _requiring("sample-apiserver", "component-base", "client-go"),
        "staging/src/k8s.io/sample-apiserver/main.go": _MAIN,
    }
    return tree | {f"cmd/{name}/main.go": _MAIN for name in COMMANDS}


def _requiring(name: str, *others: str) -> str:
    required = "".join(f"require k8s.io/{other} v0.0.0\n" for other in others)
    return f"module k8s.io/{name}\n\ngo 1.26.0\n\n{required}"


def write(folder: Path, tree: Mapping[str, str]) -> Path:
    """The files in a folder."""
    for name, text in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def git(folder: Path, *arguments: str) -> str:
    """git in a repository of the test, without the user's configuration."""
    return subprocess.run(
        ["git", "-c", "core.fsync=none", *arguments],
        cwd=folder,
        env={**os.environ, **IDENTITY},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit everything; the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path, tree: Mapping[str, str], tag: str = "v1.37.2") -> Path:
    """A checkout with one tagged commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=master")
    write(folder, tree)
    commit(folder, "all")
    git(folder, "tag", tag)
    return folder
