"""What all sources with whole trees of Kubernetes share: a wrapper module around files that are laid out like a checkout.

A checkout's own go.mod replaces its staging modules by ``./staging/src/k8s.io/X``, which counts for nothing when another module
depends on it, so the wrapper says it again. It asks for each of them under the version that a release of the same base would have:
with ``-trimpath`` Go's build cache names a package by its module's path and version and by the content of its files, so that a
checkout shares what is compiled with the release it stands on, and only what a change touches is compiled again. vendor/ stays
behind: it holds what go.mod and go.sum pin.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.builds import programs
from harness.builds.api import Progress
from harness.builds.checkouts.stamp import base
from harness.builds.sources.module import DIRECTIVES
from harness.builds.toolchain import find_toolchain
from harness.errors import BuildError, UsageError

FOLDER = "kubernetes"
"""Where the tree is within the prepared module."""
UNUSED = ("vendor", "CHANGELOG", "LICENSES", "logo")
"""Folders that nothing is built from."""
KUBERNETES = "k8s.io/kubernetes"
_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_BLOCK = re.compile(r"^(replace|require)\s*\((.*?)^\)", re.MULTILINE | re.DOTALL)
_REPLACE = re.compile(r"^\s*(\S+(?:\s+v\S+)?)\s+=>\s+(\S+(?:\s+v\S+)?)", re.MULTILINE)
_REQUIRED = re.compile(r"^\s*(?:require\s+)?(k8s\.io/[a-z0-9-]+)\s+v0\.", re.MULTILINE)
_STAGED = re.compile(r"\./staging/src/(k8s\.io/[a-z0-9-]+)")
_TIDY = 900.0
"""Seconds to fetch what a tree needs from the module proxy; 10 when Go has it."""


def check(name: str, go_mod: str) -> None:
    """Raise ``UsageError`` unless this go.mod is that of Kubernetes.

    :param name: the source as its user wrote it.
    """
    module = _MODULE.search(go_mod)
    if module is None or module[1] != KUBERNETES:
        found = f"its go.mod is of {module[1]}" if module else "no go.mod"
        raise UsageError(f"read the source {name}", last_seen=found, hint=f"name a checkout of {KUBERNETES}")


def prepare(folder: Path, version: str, stamp: Mapping[str, str], progress: Progress) -> None:
    """Make ``folder``, which has the tree in ``kubernetes/``, the module that a build wants.

    :param stamp: what is stamped beside the version.
    """
    tree = folder / FOLDER
    go_mod = (tree / "go.mod").read_text()
    (folder / "go.mod").write_text(wrapper(go_mod, _required(tree), version))
    if (tree / "go.sum").exists():
        shutil.copyfile(tree / "go.sum", folder / "go.sum")
    (folder / "tools.go").write_text(programs.tools_file(programs.present(tree)))
    (folder / programs.STAMP).write_text(json.dumps(dict(stamp)))
    progress(f"fetching the modules of Kubernetes {version}")
    find_toolchain().run(
        ["mod", "tidy"], f"fetch the modules of Kubernetes {version}", cwd=folder, timeout=_TIDY
    )  # fmt: skip


def wrapper(go_mod: str, required: Iterable[str], version: str) -> str:
    """go.mod of a module that depends on the tree in ``kubernetes/``.

    :param go_mod: the tree's own.
    :param required: staging modules that other staging modules require: those that a published release asks for by version.
    """
    replaced = dict(_REPLACE.findall(re.sub(r"^replace\s+(?!\()", "", _BLOCK.sub(r"\2", go_mod), flags=re.MULTILINE)))
    staged = {name: match[1] for name, to in replaced.items() if (match := _STAGED.fullmatch(to))}
    if not staged:
        raise BuildError(f"read go.mod of Kubernetes {version}", last_seen="no line replaces a staging module")
    release = base(version)
    others = {name: to for name, to in replaced.items() if name not in staged}
    return "\n".join(
        [
            f"module {programs.WRAPPER}",
            *DIRECTIVES.findall(go_mod),
            f"require {KUBERNETES} {release}",
            *[f"require {name} v0{release.removeprefix('v1')}" for name in sorted(required) if name in staged],
            f"replace {KUBERNETES} => ./{FOLDER}",
            *[f"replace {name} => ./{FOLDER}/staging/src/{name}" for name in staged],
            *[f"replace {name} => {to}" for name, to in others.items()],
            "",
        ]
    )


def _required(tree: Path) -> set[str]:
    staged = sorted((tree / "staging/src/k8s.io").glob("*/go.mod"))
    return {name for path in staged for name in _REQUIRED.findall(path.read_text())}
