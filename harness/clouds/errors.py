"""Azure's errors as ours. The class comes from ARM's own error code, also from the codes nested in a failed deployment.

Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from harness.errors import CloudError, HarnessError, QuotaError, ThrottledError

_QUOTA = frozenset(
    {
        "QuotaExceeded",
        "ResourceQuotaExceeded",
        "ResourceCountExceedsLimitDueToTemplate",
        "PublicIPCountLimitReached",
        "StandardSkuPublicIPCountLimitReached",
        "SkuNotAvailable",
        "AllocationFailed",
        "ZonalAllocationFailed",
        "OverconstrainedAllocationRequest",
        "OverconstrainedZonalAllocationRequest",
    }
)
_THROTTLED = frozenset(
    {"TooManyRequests", "RetryableError.Throttled", "SubscriptionRequestsThrottled", "ResourceRequestsThrottled"}
)
_MOST_CAUSES = 5

Detail = tuple[str, str]
"""Code and message of one error."""


@contextmanager
def translated(attempted: str) -> Iterator[None]:
    """Raise what the SDK raises inside as one of our errors, with the SDK's as its cause."""
    try:
        yield
    except AzureError as error:
        raise translate(error, attempted) from error


def translate(error: AzureError, attempted: str) -> HarnessError:
    """One of our errors for one of the SDK's."""
    if isinstance(error, ClientAuthenticationError):
        return CloudError(
            attempted,
            code="AuthenticationFailed",
            last_seen=_first_line(error.message),
            hint="sign in (az login) or check the credential; then run again",
        )
    if isinstance(error, HttpResponseError):
        return from_details(attempted, details_of(error), error.status_code or 0)
    return CloudError(attempted, last_seen=_first_line(str(error)), hint="check that the cloud's endpoint answers")


def from_details(attempted: str, details: list[Detail], status: int = 0) -> HarnessError:
    """The error for these codes and messages, outermost first; the class is that of the worst known code."""
    codes = [code for code, _ in details]
    seen = "; ".join(f"{code}: {message}" if code else message for code, message in _causes(details))
    quota = next((code for code, message in details if _is_quota(code, message)), "")
    if quota:
        return QuotaError(
            attempted, last_seen=seen, hint="ask for more quota, or choose another --location or --vm-size"
        )
    if status == 429 or _THROTTLED.intersection(codes):
        return ThrottledError(attempted, last_seen=seen, hint="run again later, or with fewer cells at once")
    return CloudError(attempted, code=codes[-1] if codes else "", last_seen=seen or f"HTTP {status}")


def details_of(error: HttpResponseError) -> list[Detail]:
    """Codes and messages of the error and of what is nested in it, outermost first."""
    if error.error is None:
        return [("", _first_line(error.message))]
    return list(_walk(error.error))


def details_of_body(body: Mapping[str, Any]) -> list[Detail]:
    """The same, from ARM's JSON ``{"code", "message", "details"}``."""
    own = [(str(body.get("code") or ""), _first_line(str(body.get("message") or "")))]
    for nested in body.get("details") or ():
        own += details_of_body(nested)
    return own


def _walk(error: Any) -> Iterator[Detail]:
    yield str(error.code or ""), _first_line(str(error.message or ""))
    for nested in error.details or ():
        yield from _walk(nested)


def _causes(details: list[Detail]) -> list[Detail]:
    """The innermost errors say what happened; the outer ones only that something did."""
    return details[1:][-_MOST_CAUSES:] or details


def _is_quota(code: str, message: str) -> bool:
    # ARM reports an exhausted core quota as OperationNotAllowed, which also means other things
    return code in _QUOTA or (code == "OperationNotAllowed" and "quota" in message.lower())


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:600]
