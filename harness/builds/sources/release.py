"""``release:v1.37.2``, ``release:stable-1.37`` and ``ci:latest``: what the Kubernetes project itself built, from a mirror of dl.k8s.io.

Layout, by https://kubernetes.io/releases/download and the release tools (kubernetes/release, pkg/release)::

    release/stable.txt  stable-1.37.txt  latest.txt      version markers: one line with a version
    release/v1.37.2/bin/linux/amd64/kubelet              and .sha256, .sha512 beside every file
    release/v1.37.2/kubernetes-test-linux-amd64.tar.gz   kubernetes/test/bin/e2e.test
    release/v1.37.2/kubernetes-src.tar.gz                the tree, with staging/
    ci/latest.txt  ci/fast/latest-fast.txt               the same below ci/ and ci/fast/

The programs under test are used as published. The images that specs run are not published as programs, so agnhost and its like
are compiled from the sources of the same version, and the control plane's programs are put into images as any build's are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from harness.builds.api import Progress, Resolved, Surroundings
from harness.builds.cache import Cache, digest
from harness.builds.downloads import Mirror, Wanted, checked, identity
from harness.builds.sources import tree
from harness.errors import BuildError, UsageError

PROGRAMS = (
    *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubeadm", "kubectl"),
)
"""Published one by one; everything else is compiled."""
SOURCES = "kubernetes-src.tar.gz"
_VERSION = re.compile(r"v1\.\d+\.\d+(-(alpha|beta|rc)\.\d+(\.\d+)?)?(\+[0-9a-f]{7,40})?")
_MARKER = re.compile(r"[a-z0-9][a-z0-9./-]*")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class ReleaseSource:
    """Implements :class:`harness.builds.api.Source`."""

    scheme = "release"
    markers = "stable, stable-1.37 or latest"
    """For messages."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._cache = Cache(surroundings.cache)

    def resolve(self, reference: str) -> Resolved:
        """A version, or what a marker says just now; the identity covers the checksum of every file."""
        folder, version = self._version(reference)
        files = self._files(folder, version)
        within = folder.removeprefix(self.scheme).strip("/")
        return Resolved(self.scheme, version, identity(files), f"{within}/{version}" if within else version)

    def prepare(self, resolved: Resolved, folder: Path, progress: Progress) -> None:
        """Fetch and verify every file; unpack the sources, and put the programs beside them."""
        files = self._files(*self._version(resolved.reference))
        (folder / "bin").mkdir()
        (folder / tree.FOLDER).mkdir()
        for wanted in files:
            path = self._mirror.fetch(wanted, self._cache, progress)
            if wanted.name == SOURCES:
                _unpack(path, folder / tree.FOLDER)
            elif wanted.name.endswith(".tar.gz"):
                _tests(path, folder / "bin/e2e.test")
            else:
                shutil.copyfile(path, folder / "bin" / wanted.name)
        for program in (folder / "bin").iterdir():
            program.chmod(0o755)
        tree.prepare(folder, resolved.version, {"gitTreeState": "archive"}, progress)

    @cached_property
    def _mirror(self) -> Mirror:
        return Mirror(checked(self._surroundings.mirror))

    def _version(self, reference: str) -> tuple[str, str]:
        """Folder below the mirror, and the version; asks for a marker's."""
        within, _, name = reference.rpartition("/")
        folder = f"{self.scheme}/{within}" if within else self.scheme
        if _VERSION.fullmatch(name):
            return folder, name
        if not _MARKER.fullmatch(reference) or re.match(r"v?\d", name):
            raise UsageError(
                f"read the source {self.scheme}:{reference}",
                last_seen="neither a version nor a marker",
                hint=f"write a version in full, like v1.37.2, or a marker: {self.markers}",
            )
        marker = f"{folder}/{name}.txt"
        version = self._mirror.marker(marker)
        if version is None or not _VERSION.fullmatch(version):
            found = "there is none" if version is None else f"it says {version[:40]!r}, which is no version"
            raise UsageError(
                f"read the version marker {self._mirror.url}/{marker}",
                last_seen=found,
                hint=f"markers are for example {self.markers}",
            )
        return folder, version

    def _files(self, folder: str, version: str) -> Sequence[Wanted]:
        """What is needed, with checksums; asked for once, because a published version never changes."""

        def ask(target: Path) -> None:
            files = [self._mirror.wanted(path) for path in _paths(f"{folder}/{quote(version)}")]
            (target / "files.json").write_text(json.dumps([asdict(file) for file in files]))

        key = f"{version}-{digest([self._mirror.url, folder, version, _paths('')])}"
        found = self._cache.obtain("checksums", key, ask, self._surroundings.progress)
        return [Wanted(**entry) for entry in json.loads((found / "files.json").read_text())]


class CiSource(ReleaseSource):
    """The same below ``ci/``."""

    scheme = "ci"
    markers = "latest, latest-1.37 or fast/latest-fast"


def _paths(base: str) -> list[str]:
    machine = os.uname().machine
    platform = _ARCHITECTURES.get(machine, machine)
    programs = [f"{base}/bin/linux/{platform}/{name}" for name in PROGRAMS]
    return [*programs, f"{base}/kubernetes-test-linux-{platform}.tar.gz", f"{base}/{SOURCES}"]


def _tests(archive: Path, target: Path) -> None:
    """Take e2e.test out of the archive of test programs."""
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isfile() and PurePosixPath(member.name).name == target.name:
                stream = opened.extractfile(member)
                assert stream is not None
                with stream, target.open("wb") as file:
                    shutil.copyfileobj(stream, file)
                return
    raise BuildError(f"unpack {archive.name}", last_seen="no e2e.test in it", hint="look what the mirror has there")


def _unpack(archive: Path, target: Path) -> None:
    """Unpack the tree; upstream packs it with or without a folder around it."""
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
        names = [PurePosixPath(member.name).parts for member in members]
        depth = min((len(parts) for parts in names if parts[-1:] == ("go.mod",)), default=1) - 1
        for member, parts in zip(members, names, strict=True):
            inside = parts[depth:]
            if inside and inside[0] not in tree.UNUSED:
                member.name = "/".join(inside)
                opened.extract(member, target, filter="data")
    if not (target / "go.mod").is_file():
        raise BuildError(f"unpack {archive.name}", last_seen="no go.mod in it", hint="look what the mirror has there")
