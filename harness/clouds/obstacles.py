"""What may stand in the way of a deletion, how long each of it may last, and how it is told by an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import HttpResponseError


@dataclass(frozen=True)
class Limits:
    """How long each obstacle may last, in seconds."""

    locked: float = 120.0
    """A lock that was removed keeps refusing for a while; one that stays is somebody's will, and is not removed."""
    in_use: float = 900.0
    """409: something is at work on the group or uses what is in it. Asked again; the second time its resources go one by one."""
    stuck: float = 600.0
    """Accepted, and no end: asked for again, with its resources one by one."""
    nudges: int = 3
    """How often a stuck deletion is asked for again."""
    lookup: float = 300.0
    """What outlives the group may not be found, or not go, at most for half of the time that there is; then the group goes all the same."""
    forbidden: float = 30.0
    """403 to the question what outlives the group: rights that were just given are not in force everywhere at once."""


def headers_of(error: Exception) -> Any:
    response: Any = getattr(error, "response", None)
    return response.headers if response is not None else {}


def is_forbidden(error: Exception) -> bool:
    """Whether asking again is of no use."""
    status = (error.status_code or 0) if isinstance(error, HttpResponseError) else 0
    return 400 < status < 500 and status not in (408, 409, 412, 429)
