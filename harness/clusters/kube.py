"""The official Kubernetes client, opened for one cluster; answers are taken as plain JSON.

Building model objects for every pod on every poll costs more processor time than the cluster's own answer, and what readiness
reads is the same few fields that kubectl shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from harness.clusters.api import keys_of

_CONNECT = 2.0
_ANSWER = 5.0


def limits(patience: int = 1) -> tuple[float, float]:
    """Seconds to connect and to answer.

    :param patience: factor for slow hosts.
    """
    return _CONNECT * patience, _ANSWER * patience


UNREACHABLE = (ApiException, HTTPError, OSError)
"""What a call raises while the API server cannot answer or refuses."""


def open_client(kubeconfig: Path, *, patient: bool = False) -> client.ApiClient:
    """A client of its own; nothing of it is shared with other clusters of the process.

    :param patient: whether it tries again by itself; what waits for something asks again anyway.
    """
    settings = client.Configuration()
    if not patient:
        settings.retries = False
    keys = keys_of(kubeconfig)
    keys.mkdir(mode=0o700, exist_ok=True)
    config.load_kube_config(str(kubeconfig), client_configuration=settings, temp_file_path=str(keys))  # type: ignore[no-untyped-call] # ships no types
    return client.ApiClient(settings)


def items(call: Callable[..., Any], *arguments: str, patience: int = 1, **options: Any) -> list[dict[str, Any]]:
    """The items of a list call."""
    answer = call(*arguments, **options, _preload_content=False, _request_timeout=limits(patience))
    found: list[dict[str, Any]] = json.loads(answer.data)["items"] or []
    return found


def fetch(
    api: client.ApiClient, path: str, query: Sequence[tuple[str, str]] = (), accept: str = "application/json"
) -> BaseHTTPResponse:
    """GET of a path of the API server that no generated method covers; raises what ``UNREACHABLE`` lists."""
    return _request(api, "GET", path, {"Accept": accept}, fields=list(query))


def change(api: client.ApiClient, method: Literal["DELETE", "PATCH"], path: str, body: Mapping[str, Any]) -> None:
    """Delete an object with these options, or apply a merge patch; raises what ``UNREACHABLE`` lists."""
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    _request(api, method, path, {"Accept": "application/json", "Content-Type": kind}, body=json.dumps(body))


def _request(
    api: client.ApiClient, method: str, path: str, headers: Mapping[str, str], **content: Any
) -> BaseHTTPResponse:
    settings, (connect, read) = api.configuration, limits()
    signed = {item["key"]: item["value"] for item in settings.auth_settings().values() if item["in"] == "header"}
    answer: BaseHTTPResponse = api.rest_client.pool_manager.request(
        method,
        f"{settings.host}{path}",
        headers={**headers, **signed},
        timeout=Timeout(connect=connect, read=read),
        retries=False,
        **content,
    )
    if answer.status >= 400:
        raise ApiException(status=answer.status, reason=answer.reason)
    return answer


def describe(error: BaseException) -> str:
    """One line about why a call failed."""
    if isinstance(error, ApiException):
        return f"HTTP {error.status} {error.reason}"
    text = str(error.args[-1]) if error.args else str(error)  # urllib3 puts the connection's address first
    return f"{type(error).__name__}: {(text.splitlines() or [''])[0][:200]}"
