"""What a cloud can tell of the requests that were made of it; only local Azure keeps such a journal that its clients may read."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from harness.clouds.api import ArmRequest
from harness.clouds.server import ServerInfo
from harness.errors import CloudError, UsageError

_SECONDS = 30.0
_OTHERS = ("client", "arm")
"""How local Azure's journal calls the principal that the harness itself uses, and ARM's own; machines go by their ids."""


def ask(info: ServerInfo, method: str, path: str, body: Any = None) -> Any:
    """Call local Azure's own API (``/localazure/...``); raises ``UsageError`` for what it says is wrong, ``CloudError`` otherwise."""
    request = urllib.request.Request(  # noqa: S310 - our own server's address, from its own file
        f"{info.http}/localazure/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {info.client_secret}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        detail = error.read().decode(errors="replace").strip()
        if error.code == HTTPStatus.BAD_REQUEST:
            raise UsageError(_message(detail)) from error
        raise CloudError(f"ask local Azure for {path}", last_seen=f"HTTP {error.code}: {detail}") from error
    except OSError as error:
        raise CloudError(f"ask local Azure for {path}", last_seen=str(error)) from error


def _message(detail: str) -> str:
    """The message of ARM's error body, without the full stop: ours is part of a line."""
    try:
        return str(json.loads(detail)["error"]["message"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return detail


def requests_of_machines(info: ServerInfo, group: str, since: float, until: float) -> Sequence[ArmRequest]:
    """See :meth:`harness.clouds.api.Journalling.requests`."""
    query = urllib.parse.urlencode({"path": f"/resourceGroups/{group}(/|$)", "since": since, "until": until})
    return [
        ArmRequest(
            at=entry["at"],
            method=entry["method"],
            path=entry["path"],
            status=entry["status"],
            code=entry["code"],
            milliseconds=entry["milliseconds"],
            client=entry["client"],
            fault=entry["fault"],
        )
        for entry in ask(info, "GET", f"journal?{query}")["value"]
        if entry["principal"] not in _OTHERS
    ]
