"""Azure's errors as ours. The class comes from ARM's own code (:mod:`harness.clouds.codes`), also from those nested in a failed
deployment, and from the directory's when signing in failed; everything the service said is kept as evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from harness.clouds import codes
from harness.errors import CloudError, HarnessError, Outcome, QuotaError, ThrottledError

_KINDS: Mapping[Outcome, type[HarnessError]] = {
    Outcome.QUOTA: QuotaError,
    Outcome.THROTTLED: ThrottledError,
    Outcome.CLOUD: CloudError,
    Outcome.HARNESS: HarnessError,
}
_MOST_CAUSES = 5
_REQUEST_IDS = ("x-ms-request-id", "x-ms-correlation-request-id", "Retry-After")
_DIRECTORY_CODE = re.compile(r"\bAADSTS\d+\b")
"""How the directory writes its codes where its JSON (``error_codes``) is not at hand, as in chained credentials."""

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
        details = [(code, _first_line(error.message)) for code in _directory_codes(error)]
        return from_details(attempted, [*details_of(error), *details], 401)
    if isinstance(error, HttpResponseError) and (error.status_code or 400) >= 400:  # else a success that broke off
        return from_details(attempted, details_of(error), error.status_code or 0, _headers(error))
    return CloudError(
        attempted,
        last_seen=_first_line(str(error)),
        hint="check that the cloud's endpoint answers",
        remedy=codes.UNAVAILABLE.remedy,
    )


def from_details(
    attempted: str, details: list[Detail], status: int = 0, headers: Mapping[str, str] | None = None
) -> HarnessError:
    """The error for these codes and messages, outermost first, with all of them as evidence."""
    code, meaning = codes.decide([code for code, _ in details], status)
    seen = "; ".join(_shown(detail) for detail in _causes(details, code))
    evidence = [f"HTTP {status}"] if status else []
    evidence += [f"{name}: {value}" for name, value in (headers or {}).items()]
    evidence += [_shown(detail) for detail in details]
    return _KINDS[meaning.outcome](
        attempted,
        code=code,
        last_seen=seen or f"HTTP {status}",
        hint=meaning.hint,
        log_tail="\n".join(evidence),
        remedy=meaning.remedy,
    )


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


def _causes(details: list[Detail], deciding: str) -> list[Detail]:
    """What decided, then the innermost errors, which say what happened; the outer ones only say that something did."""
    chosen = [detail for detail in details if deciding and detail[0] == deciding]
    others = [detail for detail in details[1:] if detail not in chosen]
    return [*chosen, *others][:_MOST_CAUSES] or details


def _directory_codes(error: ClientAuthenticationError) -> list[str]:
    """Codes of the directory that refused to sign us in."""
    response: Any = error.response
    try:
        numbers = response.json()["error_codes"] if response is not None else []
    except (ValueError, KeyError, TypeError, AttributeError):  # not the directory's JSON
        numbers = []
    return [f"AADSTS{number}" for number in numbers] or _DIRECTORY_CODE.findall(error.message)[:_MOST_CAUSES]


def _headers(error: HttpResponseError) -> dict[str, str]:
    """What Microsoft's support asks for, and how long we are to wait."""
    response: Any = error.response
    found = response.headers if response is not None else {}
    return {name: found[name] for name in _REQUEST_IDS if name in found}


def _shown(detail: Detail) -> str:
    code, message = detail
    return f"{code}: {message}" if code else message


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:600]
