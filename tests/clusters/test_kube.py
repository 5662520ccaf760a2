"""Where the keys of a client are while it is open, and that they are found when its process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.clusters.api import keys_of
from harness.deployers.kubeadm.kubeconfig import kubeconfig
from harness.deployers.kubeadm.pki import make_pki

OPEN = """
import sys
from pathlib import Path
from harness.clusters.kube import open_client

client = open_client(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A kubeconfig with real keys in it."""
    now = datetime.now(UTC)
    pki = make_pki(now).cluster
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig("https://127.0.0.1:6443", pki.pem.public, pki.client("harness", "system:masters", now)))
    return path


@pytest.mark.parametrize("killed", [False, True])
def test_keys_are_beside_the_kubeconfig_and_nowhere_else(tmp_path: Path, config: Path, killed: bool) -> None:
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, config],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(elsewhere)},
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
        keys = keys_of(config)
        found = list(keys.iterdir())
        assert len(found) == 3
        assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
        assert keys.stat().st_mode & 0o777 == 0o700
        assert list(elsewhere.iterdir()) == []
        if killed:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    assert len(list(keys.iterdir())) == (3 if killed else 0)
