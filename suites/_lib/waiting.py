"""Waiting for a condition, with a deadline and the last thing seen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import TypeVar

import urllib3
from kubernetes.client import ApiException

T = TypeVar("T")

_PASSING = (OSError, HTTPException, urllib3.exceptions.HTTPError, ApiException)
"""What a network or an API server may answer while things settle."""


class NotYet(Exception):  # noqa: N818 - nothing is wrong as long as there is time
    """The condition does not hold yet; the text is what was seen instead."""


def patience() -> int:
    """How many times longer everything may take, on a slow host: the setting of that name, which the controller hands to its workers."""
    return int(os.environ.get("HARNESS_PATIENCE", "1"))


def wait_for(what: str, probe: Callable[[], T], timeout: float, *, interval: float = 0.2) -> T:
    """Call ``probe`` until it returns instead of raising, and return what it returned.

    :param what: the condition, as it reads after "waited for".
    :param probe: raises :class:`NotYet` with what it saw; errors of network and API server count as not yet.
    :param timeout: seconds on a usual host; a last attempt is made when they are over.
    :raises AssertionError: with the condition, the time and what was seen last.
    """
    timeout *= patience()
    end = time.monotonic() + timeout
    while True:
        late = time.monotonic() >= end
        try:
            return probe()
        except (NotYet, *_PASSING) as error:
            if late:
                seen = str(error) if isinstance(error, NotYet) else f"{type(error).__name__}: {error}"
                raise AssertionError(
                    f"waited {timeout:g} s for {what}; last seen: {' '.join(seen.split())[:800]}"
                ) from error
        time.sleep(interval)
