"""Waiting because an answer asks for it: seen by a person, shared by all processes where it is about the budget, and never too long.

The SDK would sleep as long as ``Retry-After`` says, hours if need be, and tell nobody. Here every wait is cut into slices and told, ends
when the run is cut off, and is not begun when it would pass the thread's deadline (:mod:`harness.clouds.limit`) or our patience.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy, RetryPolicy
from azure.mgmt.core.exceptions import ARMErrorFormat

from harness.clouds import codes
from harness.clouds.errors import translate
from harness.clouds.limit import Limit, OutOfTimeError, limit_of
from harness.clouds.pace import SLOWEST, Clock, Pace, kind_of, kind_of_provider
from harness.errors import HarnessError

_BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds to wait after a 429 that does not say how long, by attempt."""
_REPEATS = 3
"""How often an answer that fails and asks for a wait is asked for again, if it is no 429."""
_TOLD = 15.0
_SLICE = 0.5
WORTH_TELLING = 1.5
"""Seconds of a wait that a person would notice."""


class PacePolicy(HTTPPolicy[Any, Any]):
    """Waits as the shared view says, after a 429, and after a failure that asks for it; belongs below :class:`Retries`.

    :param patience: seconds that one request may be made to wait by 429; more is an error.
    :param tell: gets a line about every wait that a person would notice.
    :param repeats: how often a failure that asks for a wait is asked for again, at most.
    """

    def __init__(
        self,
        pace: Pace,
        patience: float,
        tell: Callable[[str], None],
        clock: Clock | None = None,
        repeats: int = _REPEATS,
    ) -> None:
        self._pace = pace
        self._patience = patience
        self._tell = tell
        self._clock = clock or Clock()
        self._repeats = min(repeats, _REPEATS)

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send it when it is time.

        :raises ThrottledError: (not the SDK's, which would be retried) when that is too far off; ``OutOfTimeError`` beyond the deadline.
        :raises AbortedError: when the run is cut off meanwhile.
        """
        limit, (kind, *narrow) = limit_of(request.context), _kinds(request)
        begun, throttled, repeated = self._clock.now(), 0, 0
        while True:
            self._await_turn(request, limit)
            response = self.next.send(request)
            answer = response.http_response
            self._pace.learn(kind, left=_left(answer.headers, kind))
            for budget in narrow:
                self._pace.learn(budget, left=_left_of_provider(answer.headers, budget))
            seconds = retry_after(answer.headers)
            if answer.status_code == 429:
                seconds = seconds or _BACKOFF[min(throttled, len(_BACKOFF) - 1)]
                until = self._clock.now() + seconds
                self._pace.learn(kind, wait=seconds)
                refusal = _refused(request, answer)
                if not limit.allows(until):
                    raise _out_of_time(request, refusal.last_seen, seconds, refusal.log_tail)
                if until - begun > self._patience:
                    raise refusal
                throttled += 1
            elif self._repeatable(answer, seconds, limit, repeated):
                self._wait(seconds, f"Azure answers {answer.status_code} and asks for it", limit, _asked(request))
                repeated += 1
            else:
                return response
            _finish(answer)

    def _await_turn(self, request: PipelineRequest[Any], limit: Limit) -> None:
        """Wait as the shared view says."""
        seconds, why = self._pace.delay(*_kinds(request))
        left = limit.end - self._clock.now()
        if seconds > max(left, SLOWEST):
            raise _out_of_time(request, why, seconds)
        self._wait(min(seconds, self._patience, max(0.0, left)), why, limit, _asked(request))

    def _repeatable(self, answer: Any, seconds: float, limit: Limit, repeated: int) -> bool:
        return (
            answer.status_code >= 400
            and 0 < seconds <= self._patience
            and limit.repeats
            and repeated < self._repeats
            and limit.allows(self._clock.now() + seconds)
        )

    def _wait(self, seconds: float, why: str, limit: Limit, attempted: str) -> None:
        """Wait in slices, and say so when it is long enough to wonder."""
        end, told = self._clock.now() + seconds, 0.0
        while (left := end - self._clock.now()) > 0:
            limit.check(attempted)
            now = self._clock.now()
            if seconds >= WORTH_TELLING and now - told >= _TOLD:
                told = now
                self._tell(f"waiting {left:.0f} s: {why}")
            self._clock.sleep(min(left, _SLICE))


class Retries(RetryPolicy[Any, Any]):
    """The SDK's retries, without its sleep for ``Retry-After``: such an answer was waited for below, as often as it may be."""

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        return not retry_after(response.http_response.headers) and super().is_retry(settings, response)

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        return None


def retry_after(headers: Any) -> float:
    """Seconds that the service asks us to wait; 0 if it does not say, or not so that it can be read."""
    for name, unit in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0), ("Retry-After", 1.0)):
        value = str(headers.get(name) or "")
        if value.isdigit():
            return int(value) / unit
        with suppress(ValueError):
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0


def _left(headers: Any, kind: str) -> float | None:
    """The smallest of what is left by any scope: subscription, tenant, and the principal's own."""
    found = [
        float(value)
        for name, value in headers.items()
        if name.lower().startswith("x-ms-ratelimit-remaining-")
        and name.lower().endswith(f"-{kind}")
        and value.isdigit()
    ]
    return min(found, default=None)


def _left_of_provider(headers: Any, budget: str) -> float | None:
    """The smallest of what is left by any policy of the provider: ``Microsoft.Compute/PutVM3Min;237,Microsoft.Compute/...``."""
    listed = str(headers.get("x-ms-ratelimit-remaining-resource") or "")
    entries = [entry.strip().rpartition(";") for entry in listed.split(",")]
    provider = budget.rpartition(" ")[2]
    found = [float(left) for policy, _, left in entries if left.isdigit() and policy.lower().startswith(f"{provider}/")]
    return min(found, default=None)


def _kinds(request: PipelineRequest[Any]) -> list[str]:
    """The budgets that it counts against, the subscription's first."""
    asked = request.http_request
    narrow = kind_of_provider(asked.method, str(asked.url))
    return [kind_of(asked.method), *([narrow] if narrow else [])]


def _asked(request: PipelineRequest[Any]) -> str:
    return f"{request.http_request.method} {str(request.http_request.url).partition('?')[0]}"


def _out_of_time(request: PipelineRequest[Any], why: str, seconds: float, evidence: str = "") -> OutOfTimeError:
    return OutOfTimeError(
        _asked(request),
        last_seen=f"{why}; asks for {seconds:.0f} s, which the deadline does not leave",
        hint=codes.THROTTLED.hint,
        log_tail=evidence,
        remedy=codes.THROTTLED.remedy,
    )


def _refused(request: PipelineRequest[Any], answer: Any) -> HarnessError:
    _finish(answer)
    return translate(HttpResponseError(response=answer, error_format=ARMErrorFormat), _asked(request))


def _finish(answer: Any) -> None:
    """Read what is left of it, so that its connection can be used again."""
    if hasattr(answer, "read"):
        answer.read()
