"""How long the requests of a thread may wait for Azure: until a deadline, and not once the run is being cut off.

Whoever knows the deadline says so once for all that it asks; between it and the policy that waits lie the SDK's clients, which have no
argument for it. Only the SDK's poller has a thread of its own: its requests carry the limit themselves (:func:`carried`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any

from harness.errors import AbortedError, ThrottledError

_OPTION = "harness_limit"
"""Of a request, as the SDK hands it on to policies."""


class OutOfTimeError(ThrottledError):
    """Azure takes the request only after the deadline."""


@dataclass(frozen=True)
class Limit:
    """What holds for the requests of one thread."""

    end: float = math.inf
    """Unix time after which nothing is waited for."""
    cut: Event | None = None
    """Set when the run is being cut off."""
    repeats: bool = True
    """Whether an answer that fails and asks for a wait is waited for and asked again; else its asker has a strategy for it.
    429 is always waited for."""

    def allows(self, until: float) -> bool:
        """Whether there is time until then, a Unix time."""
        return until <= self.end

    def check(self, attempted: str) -> None:
        """Raise ``AbortedError`` once the run is being cut off."""
        if self.cut is not None and self.cut.is_set():
            raise AbortedError(attempted, last_seen="the run is being cut off")


_NONE = Limit()
_CURRENT: ContextVar[Limit] = ContextVar("limit", default=_NONE)


@contextmanager
def limited(deadline: datetime, cut: Event | None = None, *, repeats: bool = True) -> Iterator[None]:
    """Requests made inside, by this thread, wait no longer; of nested limits the stricter one holds.

    :raises OutOfTimeError: out of a request that Azure throttles beyond the deadline.
    :raises AbortedError: out of one that waits when ``cut`` is set.
    """
    outer = _CURRENT.get()
    inner = Limit(min(outer.end, deadline.timestamp()), cut or outer.cut, outer.repeats and repeats)
    token = _CURRENT.set(inner)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def carried() -> Mapping[str, Any]:
    """Keyword arguments by which a ``begin_...`` call of the SDK gives this thread's limit to its poller."""
    return {_OPTION: _CURRENT.get()}


def limit_of(context: Any) -> Limit:
    """The limit of the request with this pipeline context."""
    if _OPTION in context.options:  # the transport knows no such option; a repeated request has only the context
        context[_OPTION] = context.options.pop(_OPTION)
    found: Limit = context.get(_OPTION) or _CURRENT.get()
    return found
