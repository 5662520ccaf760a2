"""A deployer, and words for a test, that tell every secret they can read, in every wrapping, wherever something is written.

Copied into a project's site folder, where entry points and suites find it. The secrets are those of a real run: of the environment,
of local Azure's server, the administrator's key and the machines' SSH key; none but the last has a shape by which it is known.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import yaml
from staged import SILENT, StagedDeployer

from harness.clusters.api import Cluster
from harness.deployers.api import ClusterRequest, Recorder
from harness.deployers.kubeadm.kubeconfig import kubeconfig
from harness.deployers.kubeadm.pki import make_pki, make_ssh_key
from harness.errors import CloudError, Remedy

MARK = "careless-mark"
"""In all that is told, to prove that it was kept and only its secrets were not."""
PLANTED = {
    "JENKINS_API_TOKEN": "1134abcdef0123456789abcdef01234567",
    "AZURE_CLIENT_SECRET": "planted-principal/Secret.0x+FFEE",
}
NOWHERE = "https://127.0.0.1:1"
"""Refuses at once."""


def secrets_of(cell: Path) -> dict[str, str]:
    """Name -> a secret without line breaks, of what this process can read."""
    found = {name: os.environ[name] for name in PLANTED}
    settings = json.loads((cell.parents[1] / "plan.json").read_text())["settings"]
    found["server"] = json.loads((Path(settings["state"]) / "localazure" / "server.json").read_text())["client_secret"]
    [user] = yaml.safe_load((cell / "kubeconfig").read_text())["users"]
    found["kubeconfig"] = user["user"]["client-key-data"]
    found["ssh-key"] = (
        (cell / "ssh-key").read_text().splitlines()[3]
    )  # the lines before are a header and the public key
    return found


def told(cell: Path) -> str:
    """Every secret in every wrapping; base64 in all three alignments."""
    lines = [MARK]
    for name, secret in secrets_of(cell).items():
        packed = base64.b64encode(gzip.compress(secret.encode())).decode()
        shifted = [base64.b64encode(b"-" * shift + secret.encode() + b"!").decode() for shift in range(3)]
        lines += [f"{name} is {secret}", *shifted, packed, quote(secret, safe=""), json.dumps({"it": secret})]
    return "\n".join(lines)


def command_lines() -> Iterator[str]:
    """Of every process, as any user of this host sees them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue


class TellingDeployer(StagedDeployer):
    """Fails at first, and comes up at the second attempt."""

    def up(self, request: ClusterRequest, recorder: Recorder) -> Cluster:
        first = not (request.folder / "kubeconfig").exists()
        if first:
            pki, ssh = make_pki(datetime.now(UTC)), make_ssh_key()
            admin = pki.cluster.client("harness", "system:masters", datetime.now(UTC))
            for name, text in (
                ("kubeconfig", kubeconfig(NOWHERE, pki.cluster.pem.public, admin)),
                ("ssh-key", ssh.private),
            ):
                (request.folder / name).touch(mode=0o600)
                (request.folder / name).write_text(text)
        words = told(request.folder)
        recorder.progress(words)
        if first:
            raise CloudError("deploy", awaited=words, last_seen=words, remedy=Remedy.AGAIN, log_tail=words)
        return super().up(request, recorder)

    def collect(self, request: ClusterRequest, folder: Path, deadline: datetime) -> None:
        words = told(request.folder).encode()
        (folder / "node.log").write_bytes(words)
        with tarfile.open(folder / "logs.tar.gz", "w:gz") as tar:
            item = tarfile.TarInfo("node.log")
            item.size = len(words)
            tar.addfile(item, io.BytesIO(words))

    def down(self, group: str, deadline: datetime) -> None:
        cells = Path(os.environ["STAGES"]).parent / "reports" / "latest" / "cells"
        if SILENT not in os.environ:
            print(next(told(cell) for cell in cells.iterdir()), flush=True)
        super().down(group, deadline)
