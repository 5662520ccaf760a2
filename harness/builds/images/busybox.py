"""BusyBox 1.37.0 as its authors released it, compiled from the source that Debian trixie carries.

Debian's own packages will not do, and specs notice: they revert the change by which ``ash`` passes on variables whose names have
dots or dashes (four conformance specs run ``sh -c env``), and the static one prefers its applets over programs (``nc -u`` of the
HostPort spec). The configuration is ``make defconfig``, linked statically, as in the official image.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from harness.builds.api import Progress
from harness.builds.cache import Cache, digest
from harness.builds.command import need, run
from harness.builds.debian import host_sources
from harness.errors import BuildError

VERSION = "1.37.0"
_RECIPE = 1
_SUITE = "trixie"
_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_DOWNLOAD = 300.0
_COMPILE = 1800.0
"""Seconds; 100 are usual on two cores."""
_SETTINGS = {
    "CONFIG_STATIC": "y",
    "CONFIG_LAST_SUPPORTED_WCHAR": "0",
    # does not compile with the headers of kernel 6.8 and newer
    "CONFIG_TC": "n",
}


def busybox(cache: Cache, progress: Progress) -> Path:
    """The static program."""

    def make(folder: Path) -> None:
        need("gcc", "make", package="gcc make libc6-dev")
        progress(f"compiling BusyBox {VERSION}")
        source = _source(folder)
        attempt = f"compile BusyBox {VERSION}"
        run(["make", "defconfig"], attempt, cwd=source, timeout=120)
        config = source / ".config"
        config.write_text(_configured(config.read_text()))
        run(["make", "silentoldconfig"], attempt, cwd=source, timeout=120)
        run(["make", f"-j{os.cpu_count() or 1}", "busybox"], attempt, cwd=source, timeout=_COMPILE)
        (source / "busybox").rename(folder / "busybox")
        run(["rm", "-rf", source], "remove the source of BusyBox", timeout=60)

    key = digest([VERSION, _SETTINGS, os.uname().machine, _RECIPE])
    return cache.obtain("components", f"busybox-{key}", make, progress) / "busybox"


def _source(folder: Path) -> Path:
    """Fetch and unpack the original tarball; apt checks it against Debian's signed index."""
    apt = folder / "apt"
    for name in ("lists/partial", "archives/partial"):
        (apt / name).mkdir(parents=True)
    lines = [line.replace("deb ", f"deb-src [signed-by={_KEYS}] ", 1) for line in host_sources(_SUITE)[:1]]
    default = f"deb-src [signed-by={_KEYS}] http://deb.debian.org/debian {_SUITE} main"
    (apt / "sources.list").write_text("\n".join(lines or [default]) + "\n")
    settings = {
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": apt / "lists",
        "Dir::Cache": apt,
        "APT::Sandbox::User": "root",
    }
    (apt / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    environment = {"APT_CONFIG": str(apt / "apt.conf"), "LC_ALL": "C.UTF-8"}
    attempt = "fetch the source of BusyBox"
    run(["apt-get", "update"], attempt, timeout=_DOWNLOAD, env=environment, cwd=apt)
    run(["apt-get", "source", "--download-only", "busybox"], attempt, timeout=_DOWNLOAD, env=environment, cwd=apt)
    tarballs = sorted(apt.glob(f"busybox_{VERSION}.orig.tar.*"))
    if not tarballs:
        seen = ", ".join(path.name for path in apt.glob("busybox_*")) or "nothing"
        raise BuildError(attempt, awaited=f"busybox_{VERSION}.orig.tar in Debian {_SUITE}", last_seen=seen)
    run(["tar", "-xf", tarballs[0], "-C", folder], "unpack the source of BusyBox", timeout=60)
    run(["rm", "-rf", apt], "remove apt's files", timeout=60)
    return next(folder.glob(f"busybox-{VERSION}*"))


def _configured(text: str) -> str:
    """The configuration with our settings in place of the default ones."""
    for name, value in _SETTINGS.items():
        line = f"# {name} is not set" if value == "n" else f"{name}={value}"
        text = re.sub(rf"^(# {name} is not set|{name}=.*)$", line, text, flags=re.MULTILINE)
    return text
