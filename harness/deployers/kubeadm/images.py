"""Which of a build's images the node files must name themselves; kubeadm knows all the others."""

from __future__ import annotations

from harness.builds.api import Build
from harness.deployers.kubeadm.cloudinit import Images
from harness.errors import DeployError


def find_images(build: Build) -> Images:
    """The references, as the build made them; raises ``DeployError`` for one that is missing."""
    references = [str(reference) for reference in build.record["images"]]

    def one(name: str) -> str:
        for reference in references:
            if reference.rpartition(":")[0].endswith(f"/{name}"):
                return reference
        raise DeployError(
            f"find the image {name} in the build",
            last_seen=f"{len(references)} images in {build.folder / 'build.json'}",
            hint="remove that folder and build again",
        )

    return Images(
        pause=one("pause"),
        controller_manager=one("azure-cloud-controller-manager"),
        node_manager=one("azure-cloud-node-manager"),
    )
