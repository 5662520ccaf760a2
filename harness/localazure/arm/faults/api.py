"""The contract of fault injection: which requests a fault meets, and what it then does to them.

A :class:`Fault` is what somebody asked for; a :class:`Kind` turns it into an :class:`Effect`, which is plain data that the parts of
the server carry out at the moment in a request's life that is theirs: the application refuses, waits and cuts answers off, the
engine leaves undone or reports wrongly, a resource type makes a machine that is not well. A new kind is one more entry of
``KINDS``; a new error code is one line of ``codes.tsv``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.localazure.arm.errors import ArmError

_WRITES = frozenset({"PUT", "PATCH", "DELETE"})


class Answer(StrEnum):
    """What a client gets to see of an answer."""

    WHOLE = "whole"
    HALF = "half"
    """Headers, and half of the body; then the connection is closed."""
    NONE = "none"
    """The connection is closed without a byte."""
    KILLED = "killed"
    """The server dies as by ``kill -9`` before it answers."""


class Gone(StrEnum):
    """What somebody else deletes behind the client's back."""

    NOTHING = ""
    RESOURCE = "resource"
    """What the request names."""
    GROUP = "group"
    """The resource group that it is in, as a janitor that mistakes its owner does."""


@dataclass(frozen=True)
class Making:
    """What a fault does to the making (or deleting) of one resource."""

    delay: float = 0.0
    """Seconds between accepted and begun."""
    never: bool = False
    """Accepted, and never done; until it is deleted or written again, or the server ends."""
    instead: ArmError | None = None
    """Accepted, then failed with this: the resource stays, in state Failed and not real."""
    after: ArmError | None = None
    """Done, and then reported as failed with this."""
    facts: Mapping[str, str | float] = field(default_factory=dict)
    """Remembered of the resource, for its type to make real: a machine's ``condition``, or the ``reboot`` it is to make."""

    @property
    def polled(self) -> bool:
        """Whether the client gets an operation to poll, also where there usually is none."""
        return self.delay > 0 or self.never or self.instead is not None


@dataclass(frozen=True)
class Effect:
    """What a fault does to a request, in the order of the request's life."""

    wait: float = 0.0
    """Seconds before anything else."""
    unheard: bool = False
    """The connection is closed and nothing is done."""
    refuse: ArmError | None = None
    """Answered with this, and nothing is done."""
    making: Making = field(default_factory=Making)
    gone: Gone = Gone.NOTHING
    """Deleted by somebody else: before a read or a deletion, after a write."""
    answer: Answer = Answer.WHOLE


@dataclass(frozen=True)
class Fault:
    """One fault: the requests it meets, and how often."""

    kinds: tuple[str, ...]
    """Names of kinds or of error codes; several are chosen from by the seed."""
    call: str = ""
    """A call as :func:`harness.localazure.arm.faults.calls.call_name` writes it, any case; empty for any."""
    method: str = ""
    path: str = ""
    """Regular expression searched in the path without case; empty for any."""
    location: str = ""
    """Short name of the location that the request's resource is or will be in; empty for any."""
    count: int = 1
    """Requests left to meet; -1 for ever."""
    skip: int = 0
    """Matching requests that pass first."""
    seconds: float = 1.0
    """Length of a delay or operation; ``Retry-After``."""
    status: int = 0
    """HTTP status instead of the usual one of the code."""
    code: str = ""
    message: str = ""
    target: Gone = Gone.GROUP
    seed: int | None = None
    """Meets a matching request, or not, by :mod:`harness.localazure.arm.faults.dice`."""
    rate: float = 0.1
    """With a seed: the share of matching requests that it meets."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    does: str
    """What a client sees, for people."""
    effect: Callable[[Fault], Effect]
    writes: bool = False
    """Meets PUT, PATCH and DELETE only."""
    wire: bool = False
    """Meets requests of clients only, not those that ARM makes itself for a deployment or a group's deletion."""
    call: str = ""
    """The only call that it has a meaning for; empty for any."""

    def meets(self, asked: Asked) -> bool:
        """Whether it has a meaning for this request."""
        return (
            (asked.wire or not self.wire)
            and (asked.method in _WRITES or not self.writes)
            and self.call.lower() in ("", asked.call.lower())
        )


@dataclass(frozen=True)
class Asked:
    """A request, as faults look at it."""

    method: str
    path: str
    call: str
    group: str = ""
    location: str = ""
    wire: bool = True
    """Made by a client; else by ARM itself."""


@dataclass(frozen=True)
class Met:
    """A request met this."""

    kind: str
    effect: Effect
