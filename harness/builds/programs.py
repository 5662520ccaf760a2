"""The programs of Kubernetes that a cluster and its tests need, and how they are compiled and stamped.

The stamp is that of hack/lib/version.sh; unstamped programs call themselves ``v0.0.0-master``, which breaks kubeadm's skew
checks and every comparison of versions.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from harness.builds.api import Progress
from harness.builds.cache import link_tree
from harness.builds.toolchain import Toolchain

WRAPPER = "harness.local/kubernetes"
"""Name of the generated module in which everything is compiled."""
STAMP = "stamp.json"
"""File of a prepared module that holds what the source knows beyond the version."""
READY = "bin"
"""Folder of a prepared module with programs that the source brings ready-made."""
_KUBERNETES = "k8s.io/kubernetes"
_COMPILE = 3600.0
"""Seconds for one ``go build``; 400 are usual on two cores with a cold Go cache."""
_STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Program:
    """A command to compile."""

    name: str
    package: str
    optional: bool = False
    """Whether some versions of Kubernetes lack it."""


def _command(name: str) -> Program:
    return Program(name, f"{_KUBERNETES}/cmd/{name}")


def _image(name: str, folder: str) -> Program:
    return Program(name, f"{_KUBERNETES}/test/images/{folder}", optional=True)


PROGRAMS = (
    *map(_command, ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")),
    *map(_command, ("kubelet", "kubeadm", "kubectl")),
    Program("agnhost", f"{_KUBERNETES}/test/images/agnhost"),
    Program("sample-apiserver", "k8s.io/sample-apiserver"),
    Program("kube-log-runner", "k8s.io/component-base/logs/kube-log-runner"),
    _image("nnp", "nonewprivs"),
    _image("regression-issue-74839", "regression-issue-74839"),
    _image("consumer", "resource-consumer"),
    _image("consume-cpu", "resource-consumer/consume-cpu"),
    _image("sampledeviceplugin", "sample-device-plugin"),
)
TESTS = f"{_KUBERNETES}/test/e2e"
"""The package whose test binary is e2e.test."""


def present(tree: Path) -> tuple[Program, ...]:
    """The programs that this version has.

    :param tree: folder of the k8s.io/kubernetes module.
    """
    return tuple(program for program in PROGRAMS if not program.optional or _has(tree, program.package))


def _has(tree: Path, package: str) -> bool:
    return any((tree / package.removeprefix(f"{_KUBERNETES}/")).glob("*.go"))


def tools_file(programs: tuple[Program, ...]) -> str:
    """A Go file, never compiled, that makes ``go mod tidy`` keep what the programs need."""
    imports = "".join(f'\t_ "{package}"\n' for package in sorted([*(program.package for program in programs), TESTS]))
    return f"//go:build tools\n\npackage tools\n\nimport (\n{imports})\n"


def wanted(module: Path) -> tuple[Program, ...]:
    """The programs that the prepared module names in its tools.go."""
    named = set(re.findall(r'_ "(.+)"', (module / "tools.go").read_text()))
    return tuple(program for program in PROGRAMS if program.package in named)


def stamp(version: str, module: Path) -> str:
    """Linker flags that strip the programs and tell them who they are.

    :param module: the prepared module; its stamp.json, if the source wrote one, has ``gitCommit``, ``gitTreeState``, ``gitMinor``
        and ``buildDate``. The date is the source's, so that the same key gives the same bytes.
    """
    major, minor = version.removeprefix("v").split(".")[:2]
    known = json.loads((module / STAMP).read_text()) if (module / STAMP).exists() else {}
    values = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": "",
        "gitTreeState": "archive",
        "buildDate": "1970-01-01T00:00:00Z",
        **known,
    }
    return " ".join(["-s", "-w", *(f"-X {package}.{name}={values[name]}" for package in _STAMPED for name in values)])


def take_ready(module: Path, target: Path) -> None:
    """Link the programs that the prepared module brings ready-made into ``target``."""
    if (module / READY).is_dir():
        link_tree(module / READY, target)


def compile_programs(toolchain: Toolchain, module: Path, flags: str, target: Path, progress: Progress) -> None:
    """Compile every program of the prepared module into ``target``, but those that are there."""
    programs = [program for program in wanted(module) if not (target / program.name).exists()]
    if not programs:
        return
    progress(f"compiling {len(programs)} programs of Kubernetes; minutes when the Go build cache is cold")
    toolchain.run(
        ["build", "-trimpath", "-ldflags", flags, "-o", f"{target}/", *(program.package for program in programs)],
        "compile Kubernetes",
        cwd=module,
        timeout=_COMPILE,
    )
    for program in programs:
        compiled = target / program.package.rsplit("/", 1)[-1]
        if compiled.name != program.name:
            compiled.rename(target / program.name)


def compile_tests(toolchain: Toolchain, module: Path, flags: str, target: Path, progress: Progress) -> None:
    """Compile e2e.test into ``target``, unless it is there."""
    if (target / "e2e.test").exists():
        return
    progress("compiling e2e.test")
    toolchain.run(
        ["test", "-c", "-vet=off", "-trimpath", "-ldflags", flags, "-o", target / "e2e.test", TESTS],
        "compile e2e.test",
        cwd=module,
        timeout=_COMPILE,
    )


def tree(toolchain: Toolchain, module: Path) -> Path:
    """Folder of the k8s.io/kubernetes module, where the Dockerfiles of the test images are."""
    out = toolchain.run(
        ["list", "-m", "-f", "{{.Dir}}", _KUBERNETES], "find the Kubernetes module", cwd=module, timeout=120
    )
    return Path(out.strip())
