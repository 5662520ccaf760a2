"""The contract between ARM's common part and a resource type.

A module in ``harness/localazure/providers/`` offers ``RESOURCE_TYPES``, a tuple of :class:`ResourceType`, and ``ROUTES``, a
tuple of :class:`Route`, for what is not a resource (SKUs, usages). It is found by lying there.

The common part does what is the same for every resource: ids, resource groups, etags, states, locks, paging, operations,
errors. A type says what is its own: what a PUT accepts and completes, what a GET adds from other resources, when it may not be
deleted, and what makes it real. Everything that another resource knows better is derived on reading and never stored, so
references cannot contradict each other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.limits import Limits
from harness.localazure.arm.store import Resource, Store
from harness.localazure.fabric.api import Fabric

Body = dict[str, Any]


class Arm(Protocol):
    """What a resource type may use of the server."""

    subscription: str
    tenant: str
    endpoint: str
    """Base URL of the HTTPS listener, no slash at the end."""
    store: Store
    fabric: Fabric
    limits: Limits
    """Limits of locations that differ from the usual ones."""
    public_offset: int
    """Where in the public ranges allocation starts, different from server to server."""

    def type_of(self, kind: str) -> ResourceType:
        """The type with this name in any case; raises ``ArmError``."""
        ...

    def types(self) -> Iterable[ResourceType]:
        """All resource types."""
        ...

    def show(self, resource: Resource) -> Body:
        """The resource as a GET answers it."""
        ...

    def require(self, resource_id: ResourceId) -> Resource:
        """The resource, or ``ArmError`` 404."""
        ...

    async def put(self, resource_id: ResourceId, body: Body) -> Resource:
        """Create or update, and make real."""
        ...

    async def delete(self, resource_id: ResourceId, *, force: bool = False) -> bool:
        """Delete, for real; False if there was nothing. ``force`` skips the check for other users of it."""
        ...

    async def put_inside(self, resource_id: ResourceId, body: Body) -> Resource:
        """A PUT that ARM makes by itself, for a deployment: in the journal, and met by faults."""
        ...

    async def delete_inside(self, resource_id: ResourceId) -> bool:
        """A deletion that ARM makes by itself, for a resource group that goes: in the journal, and met by faults."""
        ...

    def read(self, resource_id: ResourceId) -> Body:
        """What a GET answers, also for what lives inside its parent; raises ``ArmError`` 404."""
        ...

    def cancel(self, resource_id: ResourceId) -> bool:
        """Cancel the making of a resource in the background; False if nothing is being made."""
        ...

    def locked(self, resource_id: ResourceId) -> AbstractAsyncContextManager[Any]:
        """Keeps other changes of a resource waiting."""
        ...

    async def settle(self) -> None:
        """Make every virtual network equal to the store."""
        ...

    def sign_url(self, path: str, base: str) -> str:
        """A URL of this server that works without a token for an hour."""
        ...


@dataclass(frozen=True)
class Wanted:
    """What a type made of a PUT's body."""

    body: Body
    internal: Body = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """An action, or a read of something that is no resource."""

    method: str
    path: Mapping[str, str]
    """Named parts of a route's pattern."""
    query: Mapping[str, str]
    body: Body
    base: str
    """Scheme and host the client used."""


@dataclass(frozen=True)
class Reply:
    """An answer: status, JSON body, extra headers."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    return Wanted(body)


def _show(arm: Arm, resource: Resource, view: Body) -> None:
    """Nothing to add."""


def _check(arm: Arm, resource: Resource) -> None:
    """Nobody can be using it."""


async def _make(arm: Arm, resource: Resource, before: Resource | None) -> None:
    """Nothing to make."""


async def _unmake(arm: Arm, resource: Resource) -> None:
    """Nothing was made."""


Action = Callable[[Arm, Resource, Call], Awaitable[Reply]]


@dataclass(frozen=True)
class ResourceType:
    """One resource type. Only ``type`` is required; the rest says in what it differs from a bag of properties."""

    type: str
    accept: Callable[[Arm, ResourceId, Body, Resource | None], Wanted] = _accept
    """Check and complete a PUT's body (a copy, free to change). Must not wait: it is atomic with the write that follows."""
    show: Callable[[Arm, Resource, Body], None] = _show
    """Add to a GET what is derived."""
    check_unused: Callable[[Arm, Resource], None] = _check
    """Raise ``ArmError`` if something else still uses it."""
    make: Callable[[Arm, Resource, Resource | None], Awaitable[None]] = _make
    """Make it real; called again, with itself as ``before``, when the server starts. Idempotent."""
    unmake: Callable[[Arm, Resource], Awaitable[None]] = _unmake
    """Undo ``make``, just before the resource is forgotten."""
    forget: Callable[[Arm, Resource], None] = _check
    """Remove references that others hold; atomic with the deletion from the store."""
    networked: bool = False
    """Changes of it change virtual networks."""
    tracked: bool = True
    """Has a location and tags of its own."""
    etag: bool = False
    """Shows an etag."""
    background: frozenset[str] = frozenset()
    """Methods (PUT, DELETE) that take long: answered at once with an operation to poll."""
    created: int = 201
    """Status of a PUT that creates; disks answer 200 even then."""
    states: bool = True
    """Shows ``provisioningState``."""
    children: Mapping[str, str] = field(default_factory=dict)
    """Nested types that are kept inline: type name -> property of this one's body (``subnets`` -> ``subnets``)."""
    actions: Mapping[str, Action] = field(default_factory=dict)
    """``POST|GET .../name/action``, in lower case."""
    expand: Mapping[str, Callable[[Arm, Resource, Body], Awaitable[None]]] = field(default_factory=dict)
    """``GET ...?$expand=name`` (lower case): adds what has to be asked of the fabric."""
    zones: bool = False
    """May be placed in availability zones."""
    merge: bool = False
    """A PUT changes only what it names (virtual machines)."""


@dataclass(frozen=True)
class Route:
    """Something that is read or done but is no resource."""

    method: str
    pattern: str
    """``/subscriptions/{subscription}/providers/Microsoft.Compute/skus``; compared without case."""
    answer: Callable[[Arm, Call], Awaitable[Reply]]
