"""Images that a cluster runs on: what ``kubeadm config images list`` names, and Azure's cloud provider.

After build/server-image/, build/pause/, cluster/images/etcd/ of kubernetes/kubernetes and the Dockerfiles of CoreDNS and
cloud-provider-azure.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.builds import components
from harness.builds.images.kitchen import Kitchen, Recipe, Reference
from harness.builds.images.layers import NET_BIND_SERVICE, Entry
from harness.builds.images.oci import Config, Image

_PORTS = ("53/tcp", "53/udp")


def _server(kitchen: Kitchen, reference: Reference) -> Image:
    name = reference.repository
    capability = NET_BIND_SERVICE if name == "kube-apiserver" else ""
    program = Entry(f"usr/local/bin/{name}", content=kitchen.programs / name, capability=capability)
    layers = (kitchen.static, kitchen.log_runner, kitchen.layout.layer([program]))
    return Image(layers, Config(entrypoint=("/go-runner",)))


def _proxy(kitchen: Kitchen, reference: Reference) -> Image:
    program = Entry("usr/local/bin/kube-proxy", content=kitchen.programs / "kube-proxy")
    layers = (kitchen.ground, kitchen.log_runner, kitchen.layout.layer([program]))
    return Image(layers, Config(entrypoint=("/go-runner",)))


def _etcd(kitchen: Kitchen, reference: Reference) -> Image:
    program = Entry("usr/local/bin/etcd", content=kitchen.components["etcd"] / "etcd")
    return Image((kitchen.static, kitchen.layout.layer([program])), Config(ports=("2379/tcp", "2380/tcp")))


def _coredns(kitchen: Kitchen, reference: Reference) -> Image:
    return Image((kitchen.static, kitchen.coredns), Config(entrypoint=("/coredns",), user="65532:65532", ports=_PORTS))


def _pause(kitchen: Kitchen, reference: Reference) -> Image:
    source = kitchen.tree / "build/pause/linux/pause.c"
    program = components.pause(kitchen.cache, source, reference.tag, kitchen.progress)
    return Image(
        (kitchen.layout.layer([Entry("pause", content=program)]),), Config(entrypoint=("/pause",), user="65535:65535")
    )


def _cloud(program: str, user: str = "") -> Recipe:
    def make(kitchen: Kitchen, reference: Reference) -> Image:
        entry = Entry(f"usr/local/bin/{program}", content=kitchen.components["cloud-provider-azure"] / program)
        config = Config(entrypoint=(f"/usr/local/bin/{program}",), user=user)
        return Image((kitchen.static, kitchen.layout.layer([entry])), config)

    return make


RECIPES: Mapping[str, Recipe] = {
    "kube-apiserver": _server,
    "kube-controller-manager": _server,
    "kube-scheduler": _server,
    "kube-proxy": _proxy,
    "etcd": _etcd,
    "coredns/coredns": _coredns,
    "pause": _pause,
    "oss/kubernetes/azure-cloud-controller-manager": _cloud("cloud-controller-manager"),
    "oss/kubernetes/azure-cloud-node-manager": _cloud("cloud-node-manager", user="65532:65532"),
}


def cloud_references(tag: str) -> tuple[str, ...]:
    """The cloud provider's images under the names its manifests use."""
    names = ("azure-cloud-controller-manager", "azure-cloud-node-manager")
    return tuple(f"mcr.microsoft.com/oss/kubernetes/{name}:{tag}" for name in names)
