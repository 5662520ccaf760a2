"""Trees of Debian packages, by mmdebstrap: the machines' root file system and the ground layer of the container images.

They depend on nothing but their package list, so every build shares them. mmdebstrap ignores the host's apt configuration;
where the host's sources name another mirror or a proxy, both are passed on.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.builds.api import Progress
from harness.builds.cache import Cache, digest
from harness.builds.command import need, run
from harness.errors import UsageError

_RECIPE = 3
"""Raise when the way a tree is made changes."""
_LIMIT = 1200.0
"""Seconds for one tree; 90 are usual."""
_UNREAD = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")
"""What nobody reads in a machine that lives for minutes."""
_LEFTOVERS = ("etc/hostname", "etc/resolv.conf", "var/log/dpkg.log", "var/log/apt", "var/log/alternatives.log")


@dataclass(frozen=True)
class Tree:
    """A wanted set of packages."""

    name: str
    suite: Literal["bookworm", "trixie"]
    variant: Literal["essential", "minbase"]
    packages: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"{self.name}-{digest([self.suite, self.variant, self.packages, _UNREAD, _LEFTOVERS, _RECIPE])}"


def tree(cache: Cache, wanted: Tree, progress: Progress) -> Path:
    """Folder ``root`` with the packages installed, owned by root as dpkg left it."""
    if os.geteuid() != 0:
        raise UsageError(f"make the Debian tree {wanted.name}", last_seen="not root", hint="run as root")

    def make(folder: Path) -> None:
        need("mmdebstrap", package="mmdebstrap")
        progress(f"installing Debian {wanted.suite} packages for {wanted.name}")
        root = folder / "root"
        environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        run(_command(wanted, root), f"install the Debian packages of {wanted.name}", timeout=_LIMIT, env=environment)
        for name in _LEFTOVERS:
            _remove(root / name)
        (root / "etc/machine-id").write_text("")

    return cache.obtain("debian", wanted.key, make, progress) / "root"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _command(wanted: Tree, root: Path) -> list[str | Path]:
    options: list[str | Path] = ["mmdebstrap", "--mode=root", f"--variant={wanted.variant}", "--format=directory"]
    options += [f"--dpkgopt=path-exclude={pattern}" for pattern in _UNREAD]
    options += [f"--aptopt={line}" for line in apt_settings()]
    options += [f"--include={','.join(wanted.packages)}", wanted.suite, root]
    return [*options, *host_sources(wanted.suite)]


def apt_settings() -> list[str]:
    """Proxies and date checks of the host's apt, as lines of apt.conf."""
    dump = run(["apt-config", "dump", "Acquire"], "read the apt configuration", timeout=30)
    wanted = re.compile(r'Acquire::(https?::proxy(::\S+)?|Check-Valid-Until|Check-Date|Retries) ".+";', re.IGNORECASE)
    return [line.rstrip(";") for line in dump.splitlines() if wanted.fullmatch(line)]


def host_sources(suite: str) -> list[str]:
    """Lines of sources.list on the host's own Debian mirrors; empty leaves it to mmdebstrap's defaults."""
    text = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(ORIGIN)", "Created-By: Packages"],
        "list the Debian mirrors apt is configured for",
        timeout=30,
    )
    rows = {tuple(line.split()) for line in text.splitlines() if line.split()[-1:] == ["Debian"]}
    main = sorted({uri for uri, name, *_ in rows if "-" not in name})
    security = sorted({uri for uri, name, *_ in rows if name.endswith("-security")})
    if not main:
        return []
    lines = [f"deb {main[0]} {suite} main", f"deb {main[0]} {suite}-updates main"]
    return [*lines, *[f"deb {uri} {suite}-security main" for uri in security[:1]]]
