"""Which images a build has: everything that kubeadm and e2e.test name and that can be made from programs and Debian packages.

The lists are asked of the built programs, never written down here: tags change with every release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.builds.api import Progress
from harness.builds.cache import Cache
from harness.builds.command import run
from harness.builds.images import cluster, testing
from harness.builds.images.kitchen import Kitchen, Recipe, Reference
from harness.builds.images.oci import Layout

RECIPE = 1
"""Raise when the images of the same programs would come out differently."""
_NEVER = frozenset({"invalid.registry.k8s.io", "gcr.io"})
"""Registries whose images must not be there: the specs that name them expect the pull to fail or need its credentials."""
_RECIPES: Mapping[str, Recipe] = {**cluster.RECIPES, **testing.RECIPES}


@dataclass(frozen=True)
class Made:
    """Outcome."""

    images: list[str]
    missing: list[str]
    """Named by e2e.test, but not to be made from programs and packages (CSI sidecars, NFS server, ...)."""


def make_images(
    layout: Path,
    *,
    cache: Cache,
    version: str,
    programs: Path,
    tree: Path,
    components: dict[str, Path],
    cloud_tag: str,
    progress: Progress,
) -> Made:
    """Write the OCI layout of a build.

    :param programs: Kubernetes' own programs.
    :param tree: folder of the k8s.io/kubernetes module.
    :param components: component -> folder with its programs.
    :param cloud_tag: tag of the cloud provider's images.
    """
    wanted = references(programs, version, cloud_tag)
    kitchen = Kitchen(cache, programs, tree, components, progress, Layout(layout))
    known = [reference for reference in wanted if reference.repository in _RECIPES and reference.host not in _NEVER]
    progress(f"making {len(known)} container images")
    for reference in known:
        kitchen.layout.add(reference.text, _RECIPES[reference.repository](kitchen, reference))
    kitchen.layout.finish()
    missing = [reference.text for reference in wanted if reference not in known and reference.host not in _NEVER]
    return Made([reference.text for reference in known], missing)


def references(programs: Path, version: str, cloud_tag: str) -> list[Reference]:
    """Every image that a cluster of this version and its specs name, sorted."""
    kubeadm: list[str | Path] = [programs / "kubeadm", "config", "images", "list", "--kubernetes-version", version]
    tests: list[str | Path] = [programs / "e2e.test", "--list-images"]
    lines = run(kubeadm, "ask kubeadm for its images", timeout=60).split()
    lines += run(tests, "ask e2e.test for its images", timeout=60).split()
    return [Reference(text) for text in sorted({*lines, *cluster.cloud_references(cloud_tag)})]
