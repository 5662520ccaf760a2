"""From source to build: the steps, in order, each found in the cache or made there.

Steps with a key of their own (module, programs, components, layers) survive a failure of a later one, and are shared by hard
links between the builds that contain them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.builds import components, inventory, programs
from harness.builds.api import MIRROR, Build, Progress, Resolved, Source, Surroundings, silent
from harness.builds.bundle import write_bundle
from harness.builds.cache import Cache, digest, link_tree
from harness.builds.debian import tree
from harness.builds.images import catalogue, ground
from harness.builds.machine import image, store, system
from harness.builds.sources import open_source
from harness.builds.toolchain import Toolchain, find_toolchain
from harness.builds.trimming import trim

_RECIPE = 1
"""Raise when the programs of the same source would come out differently."""


class CachedBuilder:
    """Implements :class:`harness.builds.api.Builder` on a cache folder."""

    def __init__(self, cache: Path, mirror: str = MIRROR, asked: Sequence[str] = (), limit: int | None = None) -> None:
        """``asked`` are components from elsewhere, ``NAME=SOURCE``; ``limit``, in bytes, is kept whenever a build was made."""
        self._cache = Cache(cache)
        self._mirror = mirror
        self._asked = asked
        self._limit = limit

    def resolve(self, source: str) -> Resolved:
        """The exact version of a source; also raises ``UsageError`` for a component that there is not."""
        self._parts()
        opened, reference = self._open(source)
        return opened.resolve(reference)

    def find(self, source: str) -> Build | None:
        """The finished build of this source, or None."""
        opened, reference = self._open(source)
        resolved = opened.resolve(reference)
        key = _build_key(resolved, find_toolchain(), self._parts())
        folder = self._cache.find("builds", key)
        return Build(folder, source, resolved.version, key) if folder else None

    def build(self, source: str, progress: Progress) -> Build:
        """Find or make the build."""
        opened, reference = self._open(source, progress)
        resolved = opened.resolve(reference)
        toolchain = find_toolchain()
        parts = self._parts(progress)
        key = _build_key(resolved, toolchain, parts)
        folder = self._cache.find("builds", key)
        if folder is None:
            making = _Making(self._cache, opened, resolved, toolchain, parts, progress)
            folder = self._cache.obtain("builds", key, lambda folder: making.build(folder, source, key), progress)
            if self._limit is not None:
                trim(self._cache, self._limit, progress)
        return Build(folder, source, resolved.version, key)

    def _open(self, source: str, progress: Progress = silent) -> tuple[Source, str]:
        return open_source(source, Surroundings(self._cache.root, self._mirror, progress))

    def _parts(self, progress: Progress = silent) -> tuple[components.Part, ...]:
        return components.choose(self._asked, Surroundings(self._cache.root, self._mirror, progress))

    def node_image(self, build: Build, progress: Progress) -> Path:
        """Find or make the managed image folder."""
        base = tree(self._cache, system.TREE, progress)
        name = f"image-{digest([base.parent.name, system.CONTENT, store.RECIPE])}"

        def make(folder: Path) -> None:
            final = build.folder / name
            image.write_image(folder, final=final, base=base, programs=build.folder / "bin", registry=build.oci)
            store.make_store(build.oci, (folder / "layer", base), folder / "containerd", progress)

        return self._cache.inside(build.folder, name, make, progress)

    def bundle(self, build: Build, progress: Progress) -> Path:
        """Find or make the archive for nodes without a managed image."""
        return self._cache.inside(
            build.folder, "bundle.tar.gz", lambda target: write_bundle(build, target, progress), progress
        )


def _programs_key(resolved: Resolved, toolchain: Toolchain) -> str:
    names = [[program.name, program.package] for program in programs.PROGRAMS]
    return f"{resolved.version}-{digest([resolved, toolchain.version, names, _RECIPE])}"


def _build_key(resolved: Resolved, toolchain: Toolchain, parts: Sequence[components.Part]) -> str:
    material = [
        _programs_key(resolved, toolchain),
        components.versions(parts),
        catalogue.RECIPE,
        ground.TREE.key,
        ground.RECIPE,
    ]
    return f"{resolved.version}-{digest(material)}"


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    begin = time.monotonic()
    yield
    seconds[step] = round(time.monotonic() - begin, 1)


@dataclass
class _Making:
    """One build in the making."""

    cache: Cache
    source: Source
    resolved: Resolved
    toolchain: Toolchain
    parts: Sequence[components.Part]
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    def build(self, folder: Path, source: str, key: str) -> None:
        """Fill the folder of the build.

        What the images stand on is mostly downloaded, so it is made beside the compilers, which keep the processors busy.
        """
        with ThreadPoolExecutor(1, "ground") as aside:
            grounds = aside.submit(ground.prepare, self.cache, self.progress)
            compiled = self._compiled()
            made = self._components()
            grounds.result()
        link_tree(compiled / "bin", folder / "bin")
        for name, _ in components.CONTAINERD.programs:
            (folder / "bin" / name).hardlink_to(made[components.CONTAINERD.name] / name)
        link_tree(compiled / "module", folder / "module")
        (folder / "inventory.json").hardlink_to(compiled / "inventory.json")
        with _timed(self.seconds, "images"):
            images = catalogue.make_images(
                folder / "oci",
                cache=self.cache,
                version=self.resolved.version,
                programs=folder / "bin",
                tree=programs.tree(self.toolchain, compiled / "module"),
                components=made,
                cloud_tag=next(
                    part.tag for part in self.parts if part.component.name == components.CLOUD_PROVIDER.name
                ),
                progress=self.progress,
            )
        record = {
            "source": source,
            "key": key,
            "version": self.resolved.version,
            "identity": self.resolved.identity,
            "toolchain": self.toolchain.version,
            "components": components.versions(self.parts),
            "images": images.images,
            "missing": images.missing,
            "seconds": {**json.loads((compiled / "seconds.json").read_text()), **self.seconds},
        }
        (folder / "build.json").write_text(json.dumps(record, indent=2) + "\n")

    def _compiled(self) -> Path:
        """Folder with ``bin``, ``inventory.json``, the generated ``module`` and ``seconds.json``."""
        key = _programs_key(self.resolved, self.toolchain)
        return self.cache.obtain("programs", key, self._compile, self.progress)

    def _components(self) -> dict[str, Path]:
        with _timed(self.seconds, "components"):
            return {
                part.component.name: components.component(self.cache, part, self.toolchain, self.progress)
                for part in self.parts
            }

    def _compile(self, folder: Path) -> None:
        seconds: dict[str, float] = {}
        module = folder / "module"
        binaries = folder / "bin"
        binaries.mkdir()
        with _timed(seconds, "modules"):
            key = f"{self.resolved.version}-{digest([self.resolved, [p.package for p in programs.PROGRAMS]])}"
            link_tree(self.cache.obtain("modules", key, self._prepare, self.progress), module)
        flags = programs.stamp(self.resolved.version, module)
        programs.take_ready(module, binaries)
        with _timed(seconds, "programs"):
            programs.compile_programs(self.toolchain, module, flags, binaries, self.progress)
        with _timed(seconds, "e2e.test"):
            programs.compile_tests(self.toolchain, module, flags, binaries, self.progress)
        with _timed(seconds, "inventory"):
            target = folder / "inventory.json"
            inventory.write_inventory(binaries / "e2e.test", self.resolved.version, target, self.progress)
        (folder / "seconds.json").write_text(json.dumps(seconds))

    def _prepare(self, folder: Path) -> None:
        self.source.prepare(self.resolved, folder, self.progress)
