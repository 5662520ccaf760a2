"""How the SDK's requests are sent: as it does itself, and a POST that found nobody is sent again.

The SDK repeats every method but POST, which may have been executed before its answer was lost. One that met no listener, or no answer
to its first packet, was not.
"""

from __future__ import annotations

import time
from typing import Any

from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport

_FIRST, _MOST = 0.1, 2.0
"""Seconds between two attempts."""


class PatientTransport(RequestsTransport):  # type: ignore[misc] # the SDK loads it late, without a type
    """One connection pool.

    :param retries: how often a POST that found nobody is sent again.
    :param options: ``RequestsTransport``'s.
    """

    def __init__(self, retries: int, **options: Any) -> None:
        super().__init__(**options)
        self._retries = retries

    def send(self, request: Any, **options: Any) -> Any:
        """Send it; raises the SDK's ``ServiceRequestError`` if nobody was there, each time."""
        for attempt in range(self._retries):
            try:
                return super().send(request, **options)
            except ServiceRequestError:
                if request.method != "POST":
                    raise
                time.sleep(min(_FIRST * 2**attempt, _MOST))
        return super().send(request, **options)
