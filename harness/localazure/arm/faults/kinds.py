"""What faults there are. Besides these, every error code of ARM is a kind by its own name (:mod:`.codes`)."""

from __future__ import annotations

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.faults.api import Answer, Effect, Fault, Kind, Making
from harness.localazure.arm.faults.codes import arm_error, as_kind, find_code


def _refused(code: str) -> Kind:
    kind = as_kind(found) if (found := find_code(code)) else None
    assert kind
    return kind


def _named(name: str, code: str, does: str) -> Kind:
    return Kind(name, does, _refused(code).effect)


def _misreported(fault: Fault) -> ArmError:
    return arm_error(fault, "InternalServerError")


_ALL = (
    _named("throttled", "TooManyRequests", "429 TooManyRequests, Retry-After is `seconds`"),
    _named("conflict", "AnotherOperationInProgress", "409 AnotherOperationInProgress"),
    _named("precondition", "PreconditionFailed", "412 PreconditionFailed"),
    _named("error", "InternalServerError", "500 InternalServerError"),
    Kind("delay", "done and answered `seconds` later", lambda fault: Effect(wait=fault.seconds)),
    Kind(
        "operation",
        "answered with an operation to poll, which takes `seconds`",
        lambda fault: Effect(making=Making(delay=fault.seconds)),
        writes=True,
    ),
    Kind("never", "accepted and never done", lambda fault: Effect(making=Making(never=True)), writes=True),
    Kind(
        "misreported",
        "done, and reported as failed (InternalServerError, or `code`)",
        lambda fault: Effect(making=Making(after=_misreported(fault))),
    ),
    Kind("cut", "done; the answer ends in the middle of its body", lambda fault: Effect(answer=Answer.HALF), wire=True),
    Kind("unanswered", "done; the connection closes with no answer", lambda _: Effect(answer=Answer.NONE), wire=True),
    Kind("unheard", "not done; the connection closes with no answer", lambda _: Effect(unheard=True), wire=True),
    Kind(
        "vanished",
        "somebody else deletes the resource group (`target` resource: what the request names)",
        lambda fault: Effect(gone=fault.target),
        wire=True,
    ),
    Kind("killed", "done; the server dies before it answers", lambda _: Effect(answer=Answer.KILLED), wire=True),
)
KINDS = {kind.name: kind for kind in _ALL}
"""By name."""


def find_kind(name: str) -> Kind | None:
    """The kind with this name, or the one that answers with the error code of this name."""
    if name in KINDS:
        return KINDS[name]
    code = find_code(name)
    return as_kind(code) if code else None
