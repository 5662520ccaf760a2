"""What faults there are. Besides these, every error code of ARM is a kind by its own name (:mod:`.codes`).

A machine that is not well is one that the public service gives as well: its PUT succeeds, and what is wrong shows only in what should
run on it. (Where the service notices by itself, that is the code ``OSProvisioningTimedOut``.)
"""

from __future__ import annotations

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.faults.api import Answer, Effect, Fault, Kind, Making
from harness.localazure.arm.faults.codes import arm_error, as_kind, find_code
from harness.localazure.fabric.api import Condition

MACHINE = "PUT Microsoft.Compute/virtualMachines"


def _refused(code: str) -> Kind:
    kind = as_kind(found) if (found := find_code(code)) else None
    assert kind
    return kind


def _named(name: str, code: str, does: str) -> Kind:
    return Kind(name, does, _refused(code).effect)


def _misreported(fault: Fault) -> ArmError:
    return arm_error(fault, "InternalServerError")


def _ill(condition: Condition, does: str) -> Kind:
    return Kind(
        condition.value,
        does,
        lambda _: Effect(making=Making(facts={"condition": condition.value})),
        writes=True,
        call=MACHINE,
    )


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
    _ill(Condition.UNBOOTABLE, "done; the machine is on and its system never comes up, until it is made anew"),
    _ill(Condition.ISOLATED, "done; the machine has no network: nothing gets in or out"),
    _ill(Condition.FULL, "done; the machine's disk is full"),
    Kind(
        "rebooting",
        "done; the machine reboots itself after `seconds`, once",
        lambda fault: Effect(making=Making(facts={"reboot": fault.seconds})),
        writes=True,
        call=MACHINE,
    ),
)
KINDS = {kind.name: kind for kind in _ALL}
"""By name."""


def find_kind(name: str) -> Kind | None:
    """The kind with this name, or the one that answers with the error code of this name."""
    if name in KINDS:
        return KINDS[name]
    code = find_code(name)
    return as_kind(code) if code else None
