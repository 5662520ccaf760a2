"""ARM resource ids: how they are read, compared and shortened.

Ids compare without case, because clients spell them as they like (the disk CSI driver sends ``resourcegroups`` and
``microsoft.compute``), but they are shown as they were spelled when the resource was created. Facts:
https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from harness.localazure.arm.errors import ArmError

RESOURCES = "Microsoft.Resources"
GROUP_TYPE = f"{RESOURCES}/resourceGroups"
SUBSCRIPTION_TYPE = f"{RESOURCES}/subscriptions"
_NAME = re.compile(r"[\w().-]{1,90}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class ResourceId:
    """One resource: what it hangs below (``scope``, an id or empty), and pairs of type and name."""

    scope: str
    namespace: str
    types: tuple[str, ...]
    names: tuple[str, ...]

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        pairs = "".join(f"/{kind}/{name}" for kind, name in zip(self.types, self.names, strict=True))
        plain = self.namespace == RESOURCES and self.types[0] in ("subscriptions", "resourceGroups")
        return f"{self.scope}{pairs}" if plain else f"{self.scope}/providers/{self.namespace}{pairs}"

    @cached_property
    def key(self) -> str:
        """What ids are compared by."""
        return self._text.lower()

    @property
    def type(self) -> str:
        """``Microsoft.Network/virtualNetworks/subnets``."""
        return "/".join((self.namespace, *self.types))

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def subscription(self) -> str:
        return self._text.split("/")[2]

    @property
    def group(self) -> str:
        """Name of the resource group, empty for what is not in one."""
        parts = self._text.split("/")
        return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else ""

    @property
    def group_id(self) -> ResourceId | None:
        """Id of the resource group."""
        return (
            ResourceId(f"/subscriptions/{self.subscription}", RESOURCES, ("resourceGroups",), (self.group,))
            if self.group
            else None
        )

    @property
    def parent(self) -> ResourceId | None:
        """The resource that a nested one hangs on."""
        if len(self.types) < 2:
            return None
        return ResourceId(self.scope, self.namespace, self.types[:-1], self.names[:-1])

    def child(self, kind: str, name: str) -> ResourceId:
        """A resource nested in this one."""
        return ResourceId(self.scope, self.namespace, (*self.types, kind), (*self.names, name))


@dataclass(frozen=True)
class Target:
    """What a request path names: a resource, or with a ``tail`` an action on it or a collection below it."""

    id: ResourceId
    tail: str = ""
    namespace: str = ""
    """Namespace of the collection, when the tail follows ``providers/<namespace>``."""


def parse_path(path: str) -> Target:
    """Read a request path; raises :class:`ArmError` (404) for one that is no ARM path."""
    parts = [part for part in path.split("/") if part]
    if len(parts) < 2 or parts[0].lower() != "subscriptions" or not all(map(_NAME.fullmatch, parts)):
        raise ArmError(
            404, "InvalidResourceId", f"The path '{path}' is not a resource id or a collection of resources."
        )
    lower = [part.lower() for part in parts]
    if len(parts) > 4 and lower[2] == "resourcegroups" and lower[4] == "deployments":
        parts[4:4] = lower[4:4] = [
            "providers",
            RESOURCES,
        ]  # azure-mgmt-resource-deployments lists operations without the provider
    if "providers" not in lower[2:]:
        return _plain(parts, lower, path)
    at = len(lower) - 1 - lower[::-1].index("providers")
    scope = (
        _plain(parts[:at], lower[:at], path).id if "providers" not in lower[2:at] else parse_id("/".join(parts[:at]))
    )
    rest = parts[at + 1 :]
    if not rest:
        raise ArmError(404, "InvalidResourceId", f"The path '{path}' names no resource provider.")
    namespace, pairs = rest[0], rest[1:]
    if len(pairs) == 1:
        return Target(scope, pairs[0], namespace)
    tail = pairs.pop() if len(pairs) % 2 else ""
    if not pairs:
        return Target(scope, "", namespace)
    return Target(ResourceId(str(scope), namespace, tuple(pairs[::2]), tuple(pairs[1::2])), tail)


def _plain(parts: list[str], lower: list[str], path: str) -> Target:
    """A path without ``providers``: a subscription, a resource group, or a tail on one of them."""
    subscription = ResourceId("", RESOURCES, ("subscriptions",), (parts[1],))
    match lower[2:]:
        case []:
            return Target(subscription)
        case [tail]:
            return Target(subscription, parts[2] if tail != "resourcegroups" else "resourceGroups")
        case ["resourcegroups", _, *tail] if len(tail) < 2:
            group = ResourceId(str(subscription), RESOURCES, ("resourceGroups",), (parts[3],))
            return Target(group, parts[4] if tail else "")
    raise ArmError(404, "InvalidResourceId", f"The path '{path}' is not a resource id or a collection of resources.")


def parse_id(text: str) -> ResourceId:
    """Read an id that stands in a body; raises :class:`ArmError` (400) when it is not the id of a resource."""
    try:
        target = parse_path(text)
    except ArmError as error:
        raise ArmError(400, "LinkedInvalidPropertyId", f"Property id '{text}' is not a resource id.") from error
    if target.tail or target.namespace:
        raise ArmError(400, "LinkedInvalidPropertyId", f"Property id '{text}' is a collection, not a resource.")
    return target.id


def fabric_key(text: str) -> str:
    """Ten characters of [a-z0-9] that stand for an id on the host; 51 bits, so that a collision is not a worry."""
    number = int.from_bytes(hashlib.sha256(text.lower().encode()).digest()[:8]) % 36**10
    digits = []
    for _ in range(10):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(digits)
