"""Layers that many images stand on; they depend on no Kubernetes version, so all builds share them.

Upstream's images stand on Alpine, Debian, distroless and BusyBox. One tree of Debian trixie packages is the ground of them
all here; where upstream's is Alpine, a second layer puts BusyBox's shell and applets in front, because specs do notice: dash and
BusyBox 1.35 drop environment variables whose names have dots, and 1.38 words its errors differently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from harness.builds.api import Progress
from harness.builds.cache import Cache, digest
from harness.builds.command import run
from harness.builds.debian import Tree, tree
from harness.builds.images.busybox import VERSION, busybox
from harness.builds.images.layers import Entry, Layer, write_entries, write_folder

TREE = Tree(
    name="ground",
    suite="trixie",
    variant="essential",
    packages=(
        *("bash", "ca-certificates", "procps", "util-linux", "libcap2-bin", "stress", "netbase"),
        *("bind9-dnsutils", "bind9-host", "curl", "iperf", "netcat-openbsd", "socat", "iproute2"),
        *("conntrack", "ipset", "iptables", "nftables", "kmod", "nginx-light"),
    ),
)
RECIPE = 5
"""Raise when a layer of the same packages would come out differently."""
_EMPTIED = ("dev", "proc", "sys", "run", "tmp", "var/cache/apt", "var/lib/apt/lists", "var/log")
_USERS = {"root": 0, "nobody": 65534, "nonroot": 65532}


def prepare(cache: Cache, progress: Progress) -> None:
    """Make every layer of this module, so that the images find them."""
    for make in (ground, alpine_like, busybox_system, static):
        make(cache, progress)


def ground(cache: Cache, progress: Progress) -> Layer:
    """The Debian tree as a layer."""

    def make(target: Path) -> Layer:
        return write_folder(tree(cache, TREE, progress), target, _EMPTIED)

    return _shared(cache, "ground", make, progress)


def alpine_like(cache: Cache, progress: Progress) -> Layer:
    """BusyBox as ``sh``, and each applet for which the ground has no program: goes on top of the ground.

    os-release says what it is, and what it stands in for: a spec looks in a mounted image for the words "Alpine Linux".
    """

    def make(target: Path) -> Layer:
        root = tree(cache, TREE, progress)
        taken = {path.name for folder in ("usr/bin", "usr/sbin") for path in (root / folder).iterdir()} - {"sh"}
        program = busybox(cache, progress)
        names = [name for name in _applets(program) if name not in taken]
        links = [Entry(f"usr/bin/{name}", target="busybox") for name in names]
        extra = [
            Entry("usr/bin/busybox", content=program),
            Entry("usr/local/bin/iperf", target="/usr/bin/iperf"),
            Entry(
                "usr/lib/os-release", content=release((root / "usr/lib/os-release").read_text()).encode(), mode=0o644
            ),
        ]
        return write_entries([*links, *extra], target)

    return _shared(cache, "alpine-like", make, progress)


def release(text: str) -> str:
    """The os-release of an image whose ground is Debian where upstream's is Alpine."""
    return re.sub(r'^(PRETTY_NAME=".*)"$', r'\1 with BusyBox, in place of Alpine Linux"', text, flags=re.MULTILINE)


def busybox_system(cache: Cache, progress: Progress) -> Layer:
    """A whole BusyBox system, as the official image has it."""

    def make(target: Path) -> Layer:
        program = busybox(cache, progress)
        entries = [
            Entry("bin/busybox", content=program),
            *[Entry(f"bin/{name}", target="busybox") for name in _applets(program)],
            *_accounts(),
            *[Entry(path) for path in ("dev", "etc", "home", "usr/sbin", "var/spool/mail", "var/www")],
            Entry("usr/bin/env", target="../../bin/env"),
            Entry("root", mode=0o700),
            Entry("tmp", mode=0o1777),
        ]
        return write_entries(entries, target)

    return _shared(cache, "busybox", make, progress)


def static(cache: Cache, progress: Progress) -> Layer:
    """What a static program still reads: accounts and certificates, as distroless static has them."""

    def make(target: Path) -> Layer:
        certificates = (tree(cache, TREE, progress) / "etc/ssl/certs/ca-certificates.crt").read_bytes()
        entries = [
            *_accounts(),
            Entry("etc/ssl/certs/ca-certificates.crt", content=certificates, mode=0o644),
            Entry("tmp", mode=0o1777),
            Entry("home/nonroot", mode=0o700, owner=_USERS["nonroot"]),
            Entry("root", mode=0o700),
        ]
        return write_entries(entries, target)

    return _shared(cache, "static", make, progress)


def account_files(cache: Cache, progress: Progress) -> tuple[bytes, bytes]:
    """/etc/passwd and /etc/group of the ground, for an image that adds to them."""
    root = tree(cache, TREE, progress)
    return (root / "etc/passwd").read_bytes(), (root / "etc/group").read_bytes()


def _accounts() -> list[Entry]:
    passwd = "".join(f"{name}:x:{number}:{number}:{name}:/:/bin/sh\n" for name, number in _USERS.items())
    group = "".join(f"{name}:x:{number}:\n" for name, number in _USERS.items())
    switch = b"hosts: files dns\n"
    return [
        Entry("etc/passwd", content=passwd.encode(), mode=0o644),
        Entry("etc/group", content=group.encode(), mode=0o644),
        Entry("etc/nsswitch.conf", content=switch, mode=0o644),
    ]


def _applets(program: Path) -> list[str]:
    listed = run([program, "--list"], "list the applets of BusyBox", timeout=30)
    return sorted(set(listed.split()) - {"busybox"})


def _shared(cache: Cache, name: str, make: Callable[[Path], Layer], progress: Progress) -> Layer:
    """The layer ``layer.tar`` of a cached folder, with its digest beside it."""

    def fill(folder: Path) -> None:
        progress(f"making the image layer {name}")
        made = make(folder / "layer.tar")
        (folder / "layer.json").write_text(json.dumps({"digest": made.digest, "size": made.size}))

    folder = cache.obtain("layers", f"{name}-{digest([TREE.key, VERSION, RECIPE])}", fill, progress)
    known = json.loads((folder / "layer.json").read_text())
    return Layer(folder / "layer.tar", known["digest"], known["size"])
