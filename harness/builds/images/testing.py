"""Images that the e2e specs run, after the Dockerfiles under test/images of the Kubernetes that is built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from harness.builds.images.cluster import RECIPES as CLUSTER
from harness.builds.images.ground import account_files
from harness.builds.images.kitchen import Kitchen, Recipe, Reference
from harness.builds.images.layers import Entry
from harness.builds.images.oci import INDEX, Config, Image, platform

_NGINX = b"""\
user www-data;
worker_processes auto;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /dev/stdout;
    sendfile on;
    keepalive_timeout 65;
    server {
        listen 80;
        server_name localhost;
        location / { root /usr/share/nginx/html; index index.html index.htm; }
        error_page 500 502 503 504 /50x.html;
    }
}
"""


def _agnhost(kitchen: Kitchen, reference: Reference) -> Image:
    """test/images/agnhost/Dockerfile; the same under every tag, and what kitten and nautilus stand on."""
    if "agnhost" not in kitchen.kept:
        kitchen.kept["agnhost"] = _agnhost_image(kitchen)
    return kitchen.kept["agnhost"]


def _agnhost_image(kitchen: Kitchen) -> Image:
    files = [
        Entry("agnhost", content=kitchen.programs / "agnhost"),
        Entry("agnhost-2", target="agnhost"),
        Entry("localhost.crt", content=kitchen.file("agnhost/porter/localhost.crt"), mode=0o644),
        Entry("localhost.key", content=kitchen.file("agnhost/porter/localhost.key"), mode=0o644),
        Entry("uploads"),
        *_image_user(kitchen),
        *_fake_registry(kitchen),
    ]
    layers = (*kitchen.alpine, kitchen.coredns, kitchen.layout.layer(files))
    ports = tuple(f"{port}/tcp" for port in (80, 8080, 8081, 9376, 5000))
    return Image(layers, Config(entrypoint=("/agnhost",), command=("pause",), ports=ports))


def _image_user(kitchen: Kitchen) -> list[Entry]:
    """The account of which the SupplementalGroups specs expect that the image defines it."""
    passwd, group = account_files(kitchen.cache, kitchen.progress)
    passwd += b"user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n"
    group += b"user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"
    return [
        Entry("etc/passwd", content=passwd, mode=0o644),
        Entry("etc/group", content=group, mode=0o644),
        Entry("home/user-defined-in-image", owner=1000),
    ]


def _fake_registry(kitchen: Kitchen) -> list[Entry]:
    """/var/registry as agnhost's prepare_registry.sh lays it out, of the images that its images.txt names.

    Upstream downloads them; here only those can be served that this build makes. Versions before the nested layout look for
    ``manifests/sha256:...``, so that name exists as well.
    """
    listing = kitchen.file("agnhost/fakeregistryserver/images.txt")
    rows = [line.split() for line in listing.read_text().splitlines()] if listing.exists() else []
    entries: list[Entry] = []
    for name, tag, inner in (row for row in rows if len(row) == 3):
        recipe = CLUSTER.get(name)
        if recipe is None:
            continue
        entries += _served(kitchen, name, inner, recipe(kitchen, Reference(f"registry.k8s.io/{name}:{tag}")))
    return entries


def _served(kitchen: Kitchen, name: str, tag: str, image: Image) -> list[Entry]:
    described = kitchen.layout.store(image)
    manifest = kitchen.layout.blob(described["digest"])
    content = json.loads(manifest)
    listed = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**described, "platform": platform()}]}
    index = json.dumps(listed).encode()
    digest = f"sha256:{hashlib.sha256(index).hexdigest()}"
    blobs = [(part["digest"], kitchen.layout.blob(part["digest"])) for part in (content["config"], *content["layers"])]
    root = f"var/registry/{name}"
    return [
        Entry(f"{root}/manifests/{tag}", content=f"{digest}\n".encode(), mode=0o644),
        *_twice(f"{root}/manifests", [(digest, index), (described["digest"], manifest)]),
        *_twice(f"{root}/blobs", blobs),
    ]


def _twice(folder: str, blobs: list[tuple[str, bytes]]) -> list[Entry]:
    entries = []
    for digest, data in blobs:
        algorithm, _, text = digest.partition(":")
        nested = f"{algorithm}/{text[:2]}/{text}/data"
        entries += [Entry(f"{folder}/{nested}", content=data, mode=0o644), Entry(f"{folder}/{digest}", target=nested)]
    return entries


def _pet(name: str) -> Recipe:
    """kitten and nautilus: agnhost with a picture."""

    def make(kitchen: Kitchen, reference: Reference) -> Image:
        base = _agnhost(kitchen, reference)
        html = kitchen.file(f"{name}/html")
        entries = [Entry(path.name, content=path, mode=0o644) for path in sorted(html.iterdir())]
        config = Config(entrypoint=("/agnhost",), command=("test-webserver",), ports=base.config.ports)
        return Image((*base.layers, kitchen.layout.layer(entries)), config)

    return make


def _busybox(kitchen: Kitchen, reference: Reference) -> Image:
    return Image((kitchen.busybox,), Config(command=("sh",)))


def _nginx(kitchen: Kitchen, reference: Reference) -> Image:
    entries = [
        Entry("etc/nginx/nginx.conf", content=_NGINX, mode=0o644),
        Entry("var/log/nginx/access.log", target="/dev/stdout"),
        Entry("var/log/nginx/error.log", target="/dev/stderr"),
    ]
    command = ("nginx", "-g", "daemon off;")
    return Image(
        (*kitchen.alpine, kitchen.layout.layer(entries)),
        Config(command=command, ports=("80/tcp",), stop_signal="SIGQUIT"),
    )


def _nonewprivs(kitchen: Kitchen, reference: Reference) -> Image:
    program = Entry("usr/local/bin/nnp", content=kitchen.programs / "nnp", mode=0o6755)
    return Image((*kitchen.alpine, kitchen.layout.layer([program])), Config(command=("nnp",)))


def _nonroot(kitchen: Kitchen, reference: Reference) -> Image:
    return Image((kitchen.ground,), Config(command=("sh",), user="1234"))


def _dns(kitchen: Kitchen, reference: Reference) -> Image:
    """glibc's resolver: Debian, dig and CoreDNS."""
    return Image((kitchen.ground, kitchen.coredns), Config(command=("bash",)))


def _program(path: str, program: str, arguments: tuple[str, ...] = (), *, alpine: bool = False) -> Recipe:
    """One of Kubernetes' programs as entry point."""

    def make(kitchen: Kitchen, reference: Reference) -> Image:
        base = kitchen.alpine if alpine else (kitchen.ground,)
        layer = kitchen.layout.layer([Entry(path, content=kitchen.programs / program)])
        return Image((*base, layer), Config(entrypoint=(f"/{path}", *arguments)))

    return make


def _consumer(kitchen: Kitchen, reference: Reference) -> Image:
    names = ("consumer", "consume-cpu")
    layer = kitchen.layout.layer([Entry(name, content=kitchen.programs / name) for name in names])
    return Image((kitchen.ground, layer), Config(entrypoint=("/consumer",), ports=("8080/tcp",)))


def _ground(kitchen: Kitchen, reference: Reference) -> Image:
    return Image((kitchen.ground,), Config(command=("sh",)))


def _alpine(kitchen: Kitchen, reference: Reference) -> Image:
    return Image(kitchen.alpine, Config(command=("sh",)))


RECIPES: Mapping[str, Recipe] = {
    "e2e-test-images/agnhost": _agnhost,
    "e2e-test-images/busybox": _busybox,
    "e2e-test-images/glibc-dns-testing": _dns,
    "e2e-test-images/jessie-dnsutils": _dns,
    "e2e-test-images/ipc-utils": _alpine,
    "e2e-test-images/kitten": _pet("kitten"),
    "e2e-test-images/nautilus": _pet("nautilus"),
    "e2e-test-images/nginx": _nginx,
    "e2e-test-images/nonewprivs": _nonewprivs,
    "e2e-test-images/nonroot": _nonroot,
    "e2e-test-images/perl": _ground,
    "e2e-test-images/regression-issue-74839": _program("regression-issue-74839", "regression-issue-74839"),
    "e2e-test-images/resource-consumer": _consumer,
    "e2e-test-images/sample-apiserver": _program("sample-apiserver", "sample-apiserver", alpine=True),
    "e2e-test-images/sample-device-plugin": _program(
        "sampledeviceplugin", "sampledeviceplugin", ("-alsologtostderr",), alpine=True
    ),
    "build-image/distroless-iptables": _ground,
}
