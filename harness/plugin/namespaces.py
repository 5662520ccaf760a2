"""A namespace for each test, deleted while the next test runs; what does not go away is told at the end.

Waiting for each deletion would cost every test seconds; not looking at all would hide the finalizer that hangs.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.clusters.leftovers.api import OWN_LABELS
from harness.errors import DeployError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from harness.plugin.process import TestProcess

FILE = "leftovers.jsonl"
_TIMEOUT = 30.0
_POLL = 0.1
_REQUEST = 10.0
_NOT_FOUND = 404


@dataclass
class Namespaces:
    """The namespaces that this process made in one cluster."""

    api: Any
    """``CoreV1Api`` of a client of its own: the tests' client is closed before the last namespace is gone."""
    cell: str
    leftovers: Path
    patience: int = 1
    """Factor on every limit."""
    _deleted: dict[str, str] = field(default_factory=dict)
    """Name -> test."""

    @classmethod
    def of(cls, process: TestProcess, cell: str, kube: ApiClient) -> Namespaces:
        """This process's namespaces in the cell; made at the first call."""

        def make(closing: ExitStack) -> Namespaces:
            from kubernetes.client import ApiClient, CoreV1Api

            own = ApiClient(configuration=kube.configuration)
            closing.callback(own.close)
            leftovers = process.context.run_folder().path / FILE
            found = cls(CoreV1Api(own), cell, leftovers, process.context.settings.patience)
            closing.callback(found.close)
            return found

        return process.keep(cell, cls, make)

    def create(self, test: str) -> str:
        """A new namespace whose default service account exists, so that pods can be created at once."""
        short = re.sub(r"[^a-z0-9]+", "-", test.rpartition("::")[2].lower()).strip("-")[:40].strip("-")
        name = f"{short}-{secrets.token_hex(3)}".lstrip("-")
        self.api.create_namespace(
            {"metadata": {"name": name, "labels": OWN_LABELS}}, _request_timeout=_REQUEST * self.patience
        )
        if not _wait(lambda: not self._missing(self.api.read_namespaced_service_account, "default", name), self._limit):
            raise DeployError(
                f"create namespace {name}",
                awaited=f"its default service account, {self._limit:.0f} s",
                hint="the controller manager makes it; see its log",
            )
        return name

    def delete(self, name: str, test: str = "") -> None:
        """Begin to delete it."""
        self._deleted[name] = test
        self._missing(self.api.delete_namespace, name)

    def close(self) -> None:
        """Wait until all are gone, and write down those that are not; a cluster that does not answer took them along."""
        from harness.clusters.kube import UNREACHABLE

        try:
            _wait(lambda: not self._remaining(), self._limit)
            remaining = self._remaining()
        except UNREACHABLE:
            remaining = []
        for name in remaining:
            with self.leftovers.open("a") as file:
                file.write(json.dumps({"cell": self.cell, "namespace": name, "test": self._deleted[name]}) + "\n")

    @property
    def _limit(self) -> float:
        return _TIMEOUT * self.patience

    def _remaining(self) -> list[str]:
        for name in list(self._deleted):
            if self._missing(self.api.read_namespace, name):
                del self._deleted[name]
        return list(self._deleted)

    def _missing(self, call: Callable[..., object], *arguments: str) -> bool:
        """Whether the API says that the object is not there; every other error is raised."""
        from kubernetes.client import ApiException

        try:
            call(*arguments, _request_timeout=_REQUEST * self.patience)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return True
            raise
        return False


def _wait(condition: Callable[[], bool], timeout: float) -> bool:
    until = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= until:
            return False
        time.sleep(_POLL)
    return True


def read_leftovers(path: Path) -> list[str]:
    """One line for a person for each namespace that did not go away."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [
        f"{raw['cell']}: namespace {raw['namespace']} of {raw['test']} was still there when this process ended"
        for raw in map(json.loads, lines)
    ]
