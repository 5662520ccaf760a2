"""Calls from inside the cluster: agnhost pods dial for us, and we speak to them through the API server's pod proxy.

Neither a shell session nor an address outside the API server is needed. Endpoints: ``test/images/agnhost/netexec`` of Kubernetes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from kubernetes.client import ApiClient

from suites._lib.waiting import NotYet, patience

_TRIES = 5
"""At most, on a slow host."""


@dataclass(frozen=True)
class Peer:
    """A pod that runs agnhost's netexec."""

    name: str
    node: str
    address: str
    http_port: int = 8080
    udp_port: int = 8081


@dataclass(frozen=True)
class Answers:
    """What a pod got from dialling."""

    responses: tuple[str, ...]
    errors: tuple[str, ...]

    def only(self) -> str:
        """The one response; raises :class:`NotYet` with the errors when there is none."""
        if self.errors or not self.responses:
            raise NotYet("; ".join(self.errors) or "no response")
        return self.responses[0]


@dataclass(frozen=True)
class Inside:
    """Speaks to the pods of one namespace."""

    kube: ApiClient
    namespace: str

    def get(self, pod: Peer, path: str, timeout: float = 30.0, **query: Any) -> str:
        """GET from the pod, through the API server; raises ``ApiException`` with the pod's own status."""
        call = self.kube.param_serialize(
            method="GET",
            resource_path=f"/api/v1/namespaces/{self.namespace}/pods/{pod.name}:{pod.http_port}/proxy/{path}",
            query_params=[(key, str(value)) for key, value in query.items()],
            auth_settings=["BearerToken"],
        )
        response: Any = self.kube.call_api(*call, _request_timeout=timeout * patience())
        body: bytes = response.read()
        text = body.decode()
        if response.status != 200:
            raise NotYet(f"{pod.name} answered {response.status} to {path}: {text[:300]}")
        return text

    def dial(
        self, pod: Peer, host: str, port: int, request: str = "hostname", *, protocol: str = "http", tries: int = 1
    ) -> Answers:
        """Let the pod ask ``host:port``, ``tries`` times; it waits 5 s for each answer."""
        raw = json.loads(
            self.get(
                pod, "dial", 10.0 + 6 * tries, host=host, port=port, request=request, protocol=protocol, tries=tries
            )
        )
        return Answers(tuple(raw.get("responses", ())), tuple(raw.get("errors", ())))

    def shell(self, pod: Peer, command: str, timeout: float = 60.0) -> str:
        """Run a shell command in the pod; raises AssertionError with its output when it fails."""
        raw = json.loads(self.get(pod, "shell", timeout, cmd=command))
        assert not raw.get("error"), f"{pod.name}: {command!r} failed: {raw.get('error')}: {raw.get('output', '')}"
        return str(raw.get("output", ""))


def together(calls: Iterable[Callable[[], Any]], at_once: int = 8) -> list[Any]:
    """The results of blocking calls, several at once, in order."""
    with ThreadPoolExecutor(at_once) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def matrix(rows: Sequence[str], columns: Sequence[str], probe: Callable[[int, int], str]) -> dict[str, Any]:
    """Probe every pair; a cell is empty when it worked and says what was wrong otherwise."""

    def once(row: int, column: int) -> str:
        try:
            return probe(row, column)
        except Exception as error:  # each cell reports its own failure, so that the whole picture is there
            return f"{type(error).__name__}: {error}"

    def cell(row: int, column: int) -> str:
        # agnhost's own 5 s for an answer cannot be made longer: where everything takes longer, it is asked again.
        said = once(row, column)
        for _ in range(min(patience(), _TRIES) - 1):
            said = said and once(row, column)
        return said

    flat = together([partial(cell, row, column) for row in range(len(rows)) for column in range(len(columns))])
    width = len(columns)
    return {
        "rows": list(rows),
        "columns": list(columns),
        "cells": [flat[at * width : (at + 1) * width] for at in range(len(rows))],
    }


def failures(found: dict[str, Any]) -> list[str]:
    """The cells of a :func:`matrix` that did not work, one line each."""
    return [
        f"{row} -> {column}: {cell}"
        for row, cells in zip(found["rows"], found["cells"], strict=True)
        for column, cell in zip(found["columns"], cells, strict=True)
        if cell
    ]
