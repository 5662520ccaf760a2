"""A run that fails while everybody is careless with its secrets: none of them is in anything that it leaves.

The secrets are real ones of the run: those of its cluster, of the server and of the environment. A deployer tells all of them in its
error and in the logs that it collects, in every wrapping; then every file of the run, local Azure's journal, and the command lines
of all processes are searched for them. ``tests/cli/test_planted_secrets.py`` does the same with a supervised run and a failing test.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from harness import reporting
from harness.clusters.api import Cluster
from harness.deployers.api import ClusterRequest
from harness.errors import DeployError, Outcome
from harness.runs.lifecycle import Lifecycle

from .site import Site, TemplateDeployer, in_thread

PRINCIPAL = "planted-principal-Secret.0xC0FFEE"
SIGNATURE = "pLanted%2BSignature%2F0123456789%3D"
MARK = "careless-mark"
"""In everything careless, to prove that it was kept and only its secrets were not."""


class Careless(TemplateDeployer):
    """Tells everything."""

    secrets: dict[str, str]
    command_lines: list[str]

    def _parameters(self, request: ClusterRequest, wanted: Any, pki: Any, profile: Any) -> Mapping[str, Any]:
        parameters = super()._parameters(request, wanted, pki, profile)
        for name, content in pki.files().items():
            if name.endswith(".key"):
                self.secrets[name] = content
        self.secrets["bootstrap token"] = pki.token
        self.secrets["ssh key"] = (request.folder / "ssh-key").read_text()
        for item in parameters["nodes"]["items"]:
            self.secrets[f"user data of {item['name']}"] = item["userData"]
        return parameters

    def _wait(self, cluster: Cluster, request: ClusterRequest, progress: Any, begun: float) -> dict[str, float]:
        [user] = yaml.safe_load(cluster.kubeconfig.read_text())["users"]
        self.secrets["kubeconfig"] = user["user"]["client-key-data"]
        self.command_lines += [
            path.read_bytes().replace(b"\0", b" ").decode(errors="replace") for path in _readable("cmdline")
        ]
        told = careless(self.secrets)
        progress(told)
        raise DeployError("wait for nodes", awaited="3 nodes", last_seen=told, log_tail=told)

    def collect(self, request: ClusterRequest, folder: Path, deadline: datetime) -> None:
        super().collect(request, folder, deadline)
        told = careless(self.secrets)
        (folder / "node.log").write_text(told)
        with tarfile.open(folder / "logs.tar.gz", "w:gz") as tar:
            item = tarfile.TarInfo("node.log")
            item.size = len(told.encode())
            tar.addfile(item, io.BytesIO(told.encode()))


def careless(secrets: dict[str, str]) -> str:
    """Every secret in every wrapping."""
    lines = [MARK]
    for name, secret in secrets.items():
        packed = base64.b64encode(gzip.compress(secret.encode())).decode()
        encoded = base64.b64encode(f"{name}={secret}".encode()).decode()
        lines += [f"{name}: {secret}", encoded, packed, quote(secret, safe=""), json.dumps({"it": secret})]
    return "\n".join(lines)


def needles(secrets: dict[str, str]) -> dict[str, str]:
    """Name -> a piece of the secret that is nothing else and is secret: keys in PEM also hold their public half."""
    found = {}
    for name, secret in secrets.items():
        lines = [line for line in secret.splitlines() if not line.startswith("-----")]
        if "user data" not in name:
            # an EC key begins with its private number; OpenSSH's begins with a header and the public key
            found[name] = lines[3 if name == "ssh key" else 0]
    return found


def searched(data: bytes, needle: str) -> bool:
    """Whether the data has it, also wrapped, also in an archive."""
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    forms = [needle, quote(needle, safe=""), json.dumps(needle)[1:-1]]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + needle.encode()).decode()
        forms.append(encoded[4:-4])
    return any(form.encode() in data for form in forms)


def _readable(name: str) -> Iterator[Path]:
    for path in Path("/proc").glob(f"[0-9]*/{name}"):
        try:
            path.read_bytes()
        except OSError:  # it has ended
            continue
        yield path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", PRINCIPAL)
    with in_thread(tmp_path) as made:
        yield made


def test_no_secret_is_in_anything_that_a_run_leaves(site: Site) -> None:
    Careless.secrets = secrets = {
        "server's secret": site.server.facts["client_secret"],
        "access token": site.server.session.headers["Authorization"].partition(" ")[2],
        "principal's secret": PRINCIPAL,
        "signed URL": f"https://a.blob.core.windows.net/builds/b.tar.gz?sv=2025&sig={SIGNATURE}",
    }
    Careless.command_lines = []
    state = site.settings.state / "localazure"
    state.mkdir(parents=True)
    (state / "server.json").write_bytes((site.server.state / "server.json").read_bytes())
    lifecycle = Lifecycle.open(site.settings, None, parts=replace(site.parts, deployer=lambda name: Careless))
    lifecycle.prepare()
    lifecycle.start()
    lifecycle.join()
    assert lifecycle.finish(aborted=False) is Outcome.DEPLOY
    reporting.write(lifecycle.folder.path)

    wanted = needles({**secrets, "signed URL": SIGNATURE})
    assert set(wanted) >= {"sa.key", "bootstrap token", "ssh key", "kubeconfig"}
    files = {path: path.read_bytes() for path in lifecycle.folder.path.rglob("*") if path.is_file()}
    keys = [path for path in files if path.name in ("kubeconfig", "ssh-key")]
    assert {(path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) for path in keys} == {(0o600, 0o700)}
    kept = {path: data for path, data in files.items() if path not in keys}
    marked = {path.name for path, data in kept.items() if searched(data, MARK)}
    assert marked >= {"ledger.jsonl", "node.log", "logs.tar.gz"}, "what was said is kept"
    assert any(name.startswith("junit") for name in marked)
    kept |= {path: path.read_bytes() for path in site.server.state.glob("journal.sqlite*")}
    leaks = [
        f"{name} in {path.name}" for path, data in kept.items() for name, text in wanted.items() if searched(data, text)
    ]
    assert leaks == []
    assert Careless.command_lines
    assert [name for name, text in wanted.items() if any(text in line for line in Careless.command_lines)] == []


def test_the_search_finds_what_is_there() -> None:
    told = careless({"a": "x" * 10 + "-secret-" + "y" * 10})
    for line in told.splitlines()[1:]:
        data = line.encode()
        if line.startswith("H4sI"):
            data = base64.b64decode(line)
        assert searched(data, "x" * 10 + "-secret-" + "y" * 10), line
