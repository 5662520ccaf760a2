"""Lists in pages, as ARM answers them: ``value`` and, when there is more, ``nextLink``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from harness.localazure.arm.errors import invalid


def page(values: Sequence[Any], url: str, query: Mapping[str, str], size: int) -> dict[str, Any]:
    """One page.

    :param url: the request's URL without its query.
    :param query: the request's query; ``$skiptoken`` says where the page starts, ``$top`` shortens it.
    :param size: entries a page at most.
    """
    try:
        start = int(query.get("$skiptoken", "0"))
        top = int(query.get("$top", size))
    except ValueError as error:
        raise invalid("$skiptoken and $top must be numbers.", "InvalidQueryParameter") from error
    end = start + max(1, min(size, top))
    body: dict[str, Any] = {"value": list(values[start:end])}
    if end < len(values):
        body["nextLink"] = f"{url}?{urlencode({**query, '$skiptoken': str(end)})}"
    return body
