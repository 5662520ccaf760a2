"""Errors as ARM answers them: a status, a code that clients match on, a message for people.

Codes and statuses are those that the public services send (seen in recorded traffic and in the issue trackers of the clients):
the network provider answers 400 where something is still in use, the compute provider 409.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.errors import CloudError


class ArmError(CloudError):
    """A request that is answered with an error.

    :param status: HTTP status.
    :param code: ARM's error code, ``ResourceNotFound``.
    :param message: one sentence: what, where, what is allowed.
    :param details: the errors that led to this one.
    :param headers: extra response headers (``Retry-After``).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[dict[str, Any]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__("answer an ARM request", code=code, last_seen=message)
        self.status = status
        self.message = message
        self.details = tuple(details)
        self.headers = headers or {}

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def error(self) -> dict[str, Any]:
        """The value of ``error`` in the body."""
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            shown["details"] = list(self.details)
        return shown


def invalid(message: str, code: str = "InvalidParameter") -> ArmError:
    """400: the body is wrong."""
    return ArmError(400, code, message)


def not_found(resource: object, kind: str, group: str) -> ArmError:
    """404 for a resource; ``resource`` is its name."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{resource}' under resource group '{group}' was not found.",
    )


def group_not_found(group: str) -> ArmError:
    """404 for a resource group."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
