"""Azurite, Microsoft's own Blob endpoint for one's own machine, where the machines of a virtual network can reach it.

It listens inside the network's namespace on the wire server's address, which every machine may talk to; whoever uploads enters that
namespace for as long as it takes.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from filelock import FileLock

from harness.clouds import bundles
from harness.localazure.fabric import namespaces
from harness.localazure.fabric.api import WIRE

_ACCOUNT = "harness"
_PORT = 10000
_STARTED = 60.0
_INSTALLED = 600.0


def azurite(cache: Path) -> Path:
    """The program, from the cache folder or installed there by npm; skips the test where there is no npm."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no npm: Azurite, the Blob endpoint of this test, comes from it (apt-get install npm)")
    folder = cache / "azurite"
    with FileLock(cache / "azurite.lock", timeout=_INSTALLED):
        if not folder.exists():
            unfinished = cache / "azurite.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(unfinished), "azurite@3"]
            subprocess.run(command, check=True, timeout=_INSTALLED, stdin=subprocess.DEVNULL, cwd=unfinished)
            unfinished.rename(folder)
    return folder / "node_modules/.bin/azurite-blob"


@dataclass(frozen=True)
class Blobs:
    """A running Azurite."""

    namespace: str
    key: str

    def publish(self, file: Path, digest: str) -> str:
        """Upload as the azure cloud does; a URL, with its access signature, by which machines fetch it."""
        return namespaces.inside(self.namespace, lambda: self._publish(file, digest))

    def _publish(self, file: Path, digest: str) -> str:
        here = f"127.0.0.1:{_PORT}"
        credential = {"account_name": _ACCOUNT, "account_key": self.key}
        with BlobServiceClient(f"http://{here}/{_ACCOUNT}", credential=credential) as service:
            name = bundles.upload(service, file, digest)
            url = bundles.signed_url(service, name, datetime.now(UTC), account_key=self.key)
        return url.replace(here, f"{WIRE}:{_PORT}")  # the signature does not cover the host


@contextmanager
def serving(program: Path, namespace: str, folder: Path) -> Iterator[Blobs]:
    """Azurite in this network namespace, with its blobs in this folder."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    command = [
        *("ip", "netns", "exec", namespace, str(program), "--blobHost", "0.0.0.0", "--blobPort", str(_PORT)),
        *("--location", str(folder), "--silent", "--disableTelemetry", "--skipApiVersionCheck"),
    ]
    log = folder / "azurite.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "AZURITE_ACCOUNTS": f"{_ACCOUNT}:{key}"},
        )
    try:
        _wait(namespace, process, lambda: log.read_text(errors="replace")[-2000:])
        yield Blobs(namespace, key)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait(10)


def _wait(namespace: str, process: subprocess.Popen[bytes], log: Callable[[], str]) -> None:
    """Wait until it accepts connections."""
    limit = time.monotonic() + _STARTED
    while time.monotonic() < limit and process.poll() is None:
        if namespaces.inside(namespace, _connects):
            return
        time.sleep(0.1)
    raise AssertionError(f"Azurite does not answer, exit code {process.poll()}: {log()}")


def _connects() -> bool:
    try:
        socket.create_connection(("127.0.0.1", _PORT), timeout=1).close()
    except OSError:
        return False
    return True
