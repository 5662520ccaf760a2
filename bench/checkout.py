"""Assembles a git checkout where there is none: from Go modules, those that its go.mod replaces by folders put back in their places.

That is Kubernetes with what lies under staging/, or a component: etcd with api/, client/ and pkg/ beside server/. The files are those of a
release, as Go's module proxy has them; only what the modules leave out (most of vendor/, symbolic links) is missing, and nothing is built
from that. One commit, tagged as the release is.

    python bench/checkout.py v1.37.2 /tmp/kubernetes
    python bench/checkout.py etcd /tmp/etcd
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness.builds.components import COMPONENTS, FOLDERS, Component
from harness.builds.toolchain import Toolchain, find_toolchain
from harness.errors import BuildError

_STAGING = re.compile(r"(k8s\.io/[a-z0-9-]+) => \./staging/")
_REPLACED = re.compile(r"^\s*(?:replace\s+)?(\S+) => (\.\.?/\S+)$", re.MULTILINE)
_LIMIT = 900.0
_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "bench"), ("EMAIL", "bench@example.org"), ("DATE", "2026-01-01T00:00:00Z"))
}


def assemble(version: str, folder: Path) -> Path:
    """The checkout of Kubernetes in ``folder``, made once."""
    return _made(folder, version, lambda work: _kubernetes(version, work))


def assemble_component(component: Component, folder: Path) -> Path:
    """The checkout of a component in ``folder``, made once."""
    return _made(folder, component.version, lambda work: _component(component, work))


def component_named(name: str) -> Component:
    """One of those that run beside Kubernetes."""
    return next(component for component in COMPONENTS if component.name == name)


def _made(folder: Path, tag: str, fill: Callable[[Path], None]) -> Path:
    if (folder / ".git").exists():
        git(folder, "switch", "--quiet", "--force", "--detach", tag)
        git(folder, "clean", "--force", "--quiet", "-d")
        return folder
    work = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    fill(work)
    git(work, "init", "--quiet", "--initial-branch=master")
    git(work, "config", "core.fsync", "none")
    git(work, "add", "--all", "--force")
    git(work, "commit", "--quiet", "--message", f"Release {tag}")
    git(work, "tag", tag)
    work.rename(folder)
    return folder


def _kubernetes(version: str, work: Path) -> None:
    toolchain = find_toolchain()
    main = _download(toolchain, f"k8s.io/kubernetes@{version}", work)
    _copy(main, work)
    for name in _STAGING.findall((main / "go.mod").read_text()):
        _stage(toolchain, name, version, work)


def _component(component: Component, work: Path) -> None:
    """Its module, and the modules of the same repository that it requires and replaces."""
    toolchain = find_toolchain()
    main = _download(toolchain, f"{component.module}@{component.version}", work)
    place = work / FOLDERS.get(component.name, ".")
    _copy(main, place)
    go_mod = (main / "go.mod").read_text()
    for name, folder in _REPLACED.findall(go_mod):
        if required := re.search(rf"^\s*(?:require\s+)?{re.escape(name)} (v\S+)", go_mod, re.MULTILINE):
            _copy(_download(toolchain, f"{name}@{required[1]}", work), (place / folder).resolve())


def git(folder: Path, *arguments: str) -> str:
    """Standard output of git in the checkout."""
    environment = {**os.environ, **_IDENTITY}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=_LIMIT
    )
    if done.returncode != 0:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def edit(folder: Path, path: str, find: str, replacement: str, times: int = 1) -> None:
    """Replace a text that has to be there exactly so often, or fail: a bug that is not put in proves nothing."""
    file = folder / path
    text = file.read_text()
    if text.count(find) != times:
        raise SystemExit(f"{file}: expected {find!r} {times} times, found it {text.count(find)} times")
    file.write_text(text.replace(find, replacement))


def _stage(toolchain: Toolchain, name: str, version: str, work: Path) -> None:
    """Put one staging module back; samples that nothing imports may be missing."""
    try:
        source = _download(toolchain, f"{name}@v0{version.removeprefix('v1')}", work)
    except BuildError:
        if not name.startswith("k8s.io/sample-") or name == "k8s.io/sample-apiserver":
            raise
        print(f"left out: {name}, which the module proxy does not have", file=sys.stderr)
        return
    _copy(source, work / "staging/src" / name)


def _download(toolchain: Toolchain, module: str, cwd: Path) -> Path:
    """Folder of a module in Go's cache."""
    text = toolchain.run(["mod", "download", "-json", module], f"download {module}", cwd=cwd, timeout=_LIMIT)
    return Path(json.loads(text)["Dir"])


def _copy(source: Path, target: Path) -> None:
    """Without the read-only modes of Go's cache."""
    shutil.copytree(source, target, copy_function=_copy_file, dirs_exist_ok=True)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)


def _copy_file(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if os.access(source, os.X_OK) and source.endswith(".sh") else 0o644)
    return target


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python bench/checkout.py VERSION|COMPONENT FOLDER")
    what, into = sys.argv[1], Path(sys.argv[2]).absolute()
    known = [component.name for component in COMPONENTS]
    print(assemble_component(component_named(what), into) if what in known else assemble(what, into))
