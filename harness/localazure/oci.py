"""A pull-only registry inside each virtual network, at 168.63.129.16:5000: what containerd asks for, out of OCI layout folders.

Conformance has specs that always pull. The images are those of the OCI layout that the calling machine's managed image names in
its image.json (``registry``); containerd's mirror requests say by ``ns`` which registry they mean. Anything unknown is 404, so
that specs which expect a pull to fail see it fail.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiohttp import web

from harness.localazure.arm.store import Store
from harness.localazure.providers.plan.callers import caller_at
from harness.localazure.providers.plan.machines import image_folder

_REFERENCE = "org.opencontainers.image.ref.name"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IMPLIED = "docker.io"


def registry_app(store: Store, network: str) -> web.Application:
    """The application for the virtual network with this id."""
    registry = _Registry(store, network)
    app = web.Application()
    app.router.add_get("/v2/", registry.version)
    app.router.add_get(r"/v2/{name:.+}/manifests/{reference}", registry.manifest)
    app.router.add_get(r"/v2/{name:.+}/blobs/{digest}", registry.blob)
    return app


class _Layout:
    """One OCI layout folder, its index read again when the file changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stamp: tuple[int, int] = (0, 0)
        self._by_reference: dict[str, dict[str, Any]] = {}

    def descriptor(self, reference: str) -> dict[str, Any] | None:
        """The descriptor that a full reference (``registry.k8s.io/pause:3.10.2``) names."""
        index = self.folder / "index.json"
        status = index.stat()
        if (status.st_mtime_ns, status.st_size) != self._stamp:
            entries = json.loads(index.read_text())["manifests"]
            self._by_reference = {(e.get("annotations") or {}).get(_REFERENCE, ""): e for e in entries}
            self._stamp = (status.st_mtime_ns, status.st_size)
        return self._by_reference.get(reference)

    def repositories(self) -> set[str]:
        """Names of all images, without tags."""
        return {re.sub(r"(@.*|:[^/:]*)$", "", reference) for reference in self._by_reference}

    def blob(self, digest: str) -> Path:
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


class _Registry:
    def __init__(self, store: Store, network: str) -> None:
        self.store = store
        self.network = network
        self._layouts: dict[Path, _Layout] = {}

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({}, headers={"Docker-Distribution-API-Version": "registry/2.0"})

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        """By tag or by digest, of an image that is in the index."""
        layout = self._layout(request)
        host = request.query.get("ns") or _IMPLIED
        name, reference = request.match_info["name"], request.match_info["reference"]
        if layout is None:
            raise _unknown("MANIFEST_UNKNOWN", f"{host}/{name}:{reference}")
        separator = "@" if _DIGEST.fullmatch(reference) else ":"
        found = layout.descriptor(f"{host}/{name}{separator}{reference}")
        digest = found["digest"] if found else reference
        if not found and (separator == ":" or f"{host}/{name}" not in layout.repositories()):
            raise _unknown("MANIFEST_UNKNOWN", f"{host}/{name}:{reference}")
        path = layout.blob(digest)
        if not path.is_file():
            raise _unknown("MANIFEST_UNKNOWN", f"{host}/{name}:{reference}")
        body = path.read_bytes()
        media = found["mediaType"] if found else _media_type(body)
        return web.Response(body=body, headers={"Content-Type": media, "Docker-Content-Digest": digest})

    async def blob(self, request: web.Request) -> web.StreamResponse:
        """A layer or a configuration, with ranges."""
        layout, digest = self._layout(request), request.match_info["digest"]
        if layout is None or not _DIGEST.fullmatch(digest) or not (path := layout.blob(digest)).is_file():
            raise _unknown("BLOB_UNKNOWN", digest)
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
        return web.FileResponse(path, headers=headers)

    def _layout(self, request: web.Request) -> _Layout | None:
        caller = caller_at(self.store, self.network, IPv4Address(request.remote or "0.0.0.0"))  # noqa: S104 - no machine has it
        if caller is None:
            return None
        image = image_folder(self.store, caller.machine)
        registry = json.loads((image / "image.json").read_text()).get("registry")
        if not registry:
            return None
        folder = (image / registry).resolve()
        return self._layouts.setdefault(folder, _Layout(folder))


def _media_type(body: bytes) -> str:
    return str(json.loads(body).get("mediaType", "application/vnd.oci.image.manifest.v1+json"))


def _unknown(code: str, what: str) -> web.HTTPNotFound:
    text = json.dumps({"errors": [{"code": code, "message": f"{what} is not in this registry"}]})
    return web.HTTPNotFound(text=text, content_type="application/json")
