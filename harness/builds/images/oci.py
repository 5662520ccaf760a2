"""An OCI image layout: a folder of blobs and an index that names each image in full (image-spec 1.1, image-layout.md)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.builds.images.layers import Entry, Layer, write_entries

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Config:
    """How a container of the image starts: what a Dockerfile says besides files."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    ports: tuple[str, ...] = ()
    environment: tuple[str, ...] = (_PATH,)
    stop_signal: str = ""


@dataclass(frozen=True)
class Image:
    """Layers, lowest first, and how to start."""

    layers: tuple[Layer, ...]
    config: Config


class Layout:
    """A layout in the making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs/sha256"
        self._blobs.mkdir(parents=True)
        self._manifests: list[dict[str, Any]] = []

    def layer(self, entries: Iterable[Entry]) -> Layer:
        """Write a layer among the blobs."""
        draft = self._blobs / "draft"
        made = write_entries(entries, draft)
        final = self._blobs / made.digest.removeprefix("sha256:")
        draft.rename(final)
        return Layer(final, made.digest, made.size)

    def add(self, reference: str, image: Image) -> None:
        """Add an image under its full name."""
        names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference}
        self._manifests.append({**self.store(image), "platform": platform(), "annotations": names})

    def store(self, image: Image) -> dict[str, Any]:
        """Keep an image without a name; its manifest's descriptor."""
        for layer in image.layers:
            self._adopt(layer)
        config = self._blob(_CONFIG, _config(image))
        layers = [{"mediaType": _LAYER, "digest": layer.digest, "size": layer.size} for layer in image.layers]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        return self._blob(MANIFEST, manifest)

    def blob(self, digest: str) -> bytes:
        """Content of a blob."""
        return (self._blobs / digest.removeprefix("sha256:")).read_bytes()

    def finish(self) -> None:
        """Write the index."""
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}\n')
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self._manifests}
        (self.folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")

    def _adopt(self, layer: Layer) -> None:
        """Hard-link a layer that another folder has; copy it where that is on another file system."""
        final = self._blobs / layer.digest.removeprefix("sha256:")
        if final.exists():
            return
        try:
            os.link(layer.path, final)
        except OSError:
            shutil.copy2(layer.path, final)

    def _blob(self, media: str, document: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self._blobs / digest).write_bytes(data)
        return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)}


def platform() -> dict[str, str]:
    """This host's platform in OCI words."""
    machine = os.uname().machine
    return {"architecture": _ARCHITECTURES.get(machine, machine), "os": "linux"}


def _config(image: Image) -> dict[str, Any]:
    config = image.config
    started: dict[str, Any] = {
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.command),
        "User": config.user,
        "Env": list(config.environment),
        "ExposedPorts": {port: {} for port in config.ports},
        "StopSignal": config.stop_signal,
        "WorkingDir": "/",
    }
    return {
        **platform(),
        "created": "1970-01-01T00:00:00Z",
        "config": {name: value for name, value in started.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in image.layers]},
        "history": [{"created": "1970-01-01T00:00:00Z"} for _ in image.layers],
    }
