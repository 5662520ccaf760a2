"""``module:v1.37.2``: a release of Kubernetes, from the Go module proxy.

The module's zip has neither staging/ nor vendor/, and the ``replace k8s.io/X => ./staging/...`` lines of its go.mod count for
nothing when it is a dependency (kubernetes/kubernetes#79384). So a wrapper module pins each of them to the v0 release that was
cut together with it; the list is read from that version's own go.mod, because it changes with every minor.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from harness.builds import programs
from harness.builds.api import Progress, Resolved, Surroundings
from harness.builds.toolchain import Toolchain, find_toolchain
from harness.errors import BuildError, UsageError

_VERSION = re.compile(r"v1\.\d+\.\d+(-(alpha|beta|rc)\.\d+)?")
_STAGING = re.compile(r"^\s*(?:replace\s+)?(k8s\.io/[a-z0-9-]+) => \./staging/", re.MULTILINE)
DIRECTIVES = re.compile(r"^(?:go|godebug|toolchain) [^(\n]+$|^godebug \(.*?^\)$", re.MULTILINE | re.DOTALL)
"""Lines of a go.mod that the module which is built has to repeat."""
_DOWNLOAD = 900.0
"""Seconds for the module's zip (40 MB) and, separately, for those of everything it needs."""


class ModuleSource:
    """Implements :class:`harness.builds.api.Source`."""

    scheme = "module"

    def __init__(self, surroundings: Surroundings) -> None:
        """Go keeps what it downloads in a cache of its own."""

    def resolve(self, reference: str) -> Resolved:
        """A release's identity is its version and its checksum; the download is Go's own and cached by it."""
        if not _VERSION.fullmatch(reference):
            raise UsageError(
                f"read the source module:{reference}",
                last_seen="not a version of Kubernetes",
                hint="write it in full, like module:v1.37.2",
            )
        found = _download(find_toolchain(), reference)
        return Resolved(scheme=self.scheme, version=reference, identity=f"{found['Version']} {found['Sum']}")

    def prepare(self, resolved: Resolved, folder: Path, progress: Progress) -> None:
        """Write the wrapper module and fetch what it needs."""
        toolchain = find_toolchain()
        found = _download(toolchain, resolved.version)
        (folder / "go.mod").write_text(wrapper(Path(found["GoMod"]).read_text(), resolved.version))
        wanted = programs.present(Path(found["Dir"]))
        (folder / "tools.go").write_text(programs.tools_file(wanted))
        released = json.loads(Path(found["Info"]).read_text()).get("Time", "1970-01-01T00:00:00Z")
        (folder / programs.STAMP).write_text(json.dumps({"buildDate": released}))
        progress(f"fetching the modules of Kubernetes {resolved.version}")
        toolchain.run(
            ["mod", "tidy"], f"fetch the modules of Kubernetes {resolved.version}", cwd=folder, timeout=_DOWNLOAD
        )


def wrapper(go_mod: str, version: str) -> str:
    """go.mod of a module that depends on this version of Kubernetes with its staging modules pinned.

    :param go_mod: that version's own go.mod.
    """
    pins = _STAGING.findall(go_mod)
    if not pins:
        raise BuildError(f"read go.mod of Kubernetes {version}", last_seen="no line replaces a staging module")
    staged = "v0" + version.removeprefix("v1")
    return "\n".join(
        [
            f"module {programs.WRAPPER}",
            *DIRECTIVES.findall(go_mod),
            f"require k8s.io/kubernetes {version}",
            *[f"replace {name} => {name} {staged}" for name in pins],
            "",
        ]
    )


def _download(toolchain: Toolchain, version: str) -> dict[str, Any]:
    """What ``go mod download -json`` says of the release; raises ``UsageError`` if there is no such version."""
    module = f"k8s.io/kubernetes@{version}"
    with tempfile.TemporaryDirectory(prefix="harness-resolve-") as empty:
        try:
            text = toolchain.run(
                ["mod", "download", "-json", module], f"download {module}", cwd=Path(empty), timeout=_DOWNLOAD
            )
        except BuildError as caught:
            raise UsageError(
                f"resolve the source module:{version}",
                last_seen=_reason(caught),
                hint="choose a released version that your Go module proxy (go env GOPROXY) serves",
            ) from caught
    found: dict[str, Any] = json.loads(text)
    return found


def _reason(caught: BuildError) -> str:
    """The message within ``go mod download``'s JSON, or the last line."""
    match = re.search(r'"Error": "(.*)"', caught.log_tail)
    return match[1].replace("\\n", " ").replace("\\t", " ") if match else caught.last_seen
