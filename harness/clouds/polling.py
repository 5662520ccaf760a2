"""Waiting for what Azure does in the background, and no longer than there is time."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TypeVar

from azure.core.polling import LROPoller

from harness.errors import DeployError

T = TypeVar("T")


def result_of(poller: LROPoller[T], attempted: str, deadline: datetime) -> T:
    """What the operation gives in the end.

    :raises DeployError: at the deadline.
    :raises AzureError: what the operation failed with.
    """
    begun = time.monotonic()
    poller.wait(max(0.0, deadline.timestamp() - time.time()))
    if not poller.done():
        raise DeployError(
            attempted,
            awaited=f"its end, {time.monotonic() - begun:.0f} s",
            last_seen=poller.status(),
            hint="give a longer --deadline",
        )
    return poller.result()
