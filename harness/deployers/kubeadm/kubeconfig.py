"""kubeconfig files as text; kubectl reads JSON as YAML, and JSON cannot be broken by a value."""

from __future__ import annotations

import base64
import json
from typing import Any

from harness.deployers.kubeadm.pki import KeyPair


def kubeconfig(server: str, authority: str, client: KeyPair | None = None, *, client_file: str = "") -> str:
    """A kubeconfig for this API server.

    :param authority: PEM of the cluster's certificate authority.
    :param client: the administrator's certificate and key; without it the file only says whom to trust.
    :param client_file: path of a PEM file with certificate and key instead.
    """
    user: dict[str, str] = {}
    if client is not None:
        user = {"client-certificate-data": _base64(client.public), "client-key-data": _base64(client.private)}
    if client_file:
        user = {"client-certificate": client_file, "client-key": client_file}
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "kubernetes", "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}
        ],
        "contexts": [{"name": "admin", "context": {"cluster": "kubernetes", "user": "admin"}}],
        "current-context": "admin",
        "users": [{"name": "admin", "user": user}],
    }
    return json.dumps(document, indent=1) + "\n"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
