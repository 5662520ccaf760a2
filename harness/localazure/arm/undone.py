"""Work that was accepted and is never done, on request of a fault, until somebody asks for something else or the server ends."""

from __future__ import annotations

import asyncio

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.ids import ResourceId


class Undone:
    """What waits for ever, by resource."""

    def __init__(self) -> None:
        self._left: dict[str, asyncio.Future[None]] = {}

    def leave(self, resource_id: ResourceId) -> asyncio.Future[None]:
        """Wait on this for ever; it raises ``ArmError`` once the resource is deleted or written again."""
        self.give_up(resource_id)
        left = self._left[resource_id.key] = asyncio.get_running_loop().create_future()
        return left

    def give_up(self, resource_id: ResourceId) -> bool:
        """Something else is to become of this resource, and of all that is in it; whether anything waited."""
        below = resource_id.key + "/"
        found = [key for key in self._left if key == resource_id.key or key.startswith(below)]
        for key in found:
            left = self._left.pop(key)
            if not left.done():
                message = f"The operation was preempted by a later one on '{resource_id}'."
                left.set_exception(ArmError(409, "OperationPreempted", message))
        return bool(found)

    def give_up_all(self) -> None:
        """The server ends."""
        for left in self._left.values():
            left.cancel()
        self._left.clear()
