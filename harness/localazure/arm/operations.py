"""Long-running operations: what a client polls by ``Azure-AsyncOperation`` or ``Location``.

A poll is held until the operation ends or a second has passed, so that waiting clients learn of the end at once. What an
operation works on is remembered in the store: after the server was killed, its outcome is read from the resource's own state.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Coroutine
from typing import Any

from harness.errors import HarnessError
from harness.localazure.arm.api import Reply
from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.store import Store

HOLD = 1.0
"""Seconds a poll may be held."""
RUNNING = ("InProgress", "Accepted", "Running", "Creating", "Updating", "Deleting")
PACE = {"x-ms-retry-after-ms": "100"}
"""How soon to poll again; without ``Retry-After``, which clients would prefer and which knows whole seconds only."""


class Operations:
    """Operations of this server, by id."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def start(self, work: Coroutine[Any, Any, Any], resource: str, verb: str) -> str:
        """Run work in the background; returns the operation's id. ``verb`` is the method: after DELETE, absence is success."""
        name = str(uuid.uuid4())
        self._store.remember(f"operation/{name}", json.dumps({"resource": resource, "verb": verb}))
        task = self._tasks[name] = asyncio.create_task(work, name=f"{verb} {resource}")
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # a client may never poll
        return name

    def task(self, name: str) -> asyncio.Task[Any]:
        """The task behind an operation that was started in this process."""
        return self._tasks[name]

    async def status(self, name: str, path: str) -> Reply:
        """What ``Azure-AsyncOperation`` answers."""
        state, error = await self._state(name)
        body: dict[str, Any] = {"id": path, "name": name, "status": state}
        if error:
            body["error"] = error.error()
        return Reply(200, body, PACE if state in RUNNING else {})

    async def result(self, name: str, location: str) -> Reply:
        """What ``Location`` answers: 202 until it ended, then 200 or the error."""
        state, error = await self._state(name)
        if state in RUNNING:
            return Reply(202, None, {"Location": location, **PACE})
        if error:
            return Reply(error.status, {"error": error.error()})
        return Reply(200)

    async def stop(self) -> None:
        """Cancel what still runs."""
        running = [task for task in self._tasks.values() if not task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _state(self, name: str) -> tuple[str, ArmError | None]:
        remembered = self._store.fact(f"operation/{name}")
        if not remembered:
            raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
        task = self._tasks.get(name)
        if task is None:
            return self._state_from_store(**json.loads(remembered))
        if not task.done():
            await asyncio.wait([task], timeout=HOLD)
        if not task.done():
            return "InProgress" if json.loads(remembered)["verb"] != "DELETE" else "Deleting", None
        if task.cancelled():
            return "Canceled", ArmError(409, "Canceled", "The operation was canceled.")
        failure = task.exception()
        if failure is None:
            return "Succeeded", None
        if isinstance(failure, ArmError):
            return "Failed", failure
        if isinstance(failure, HarnessError):
            return "Failed", ArmError(500, "InternalExecutionError", str(failure))
        return "Failed", ArmError(500, "InternalServerError", f"{type(failure).__name__}: {failure}")

    def _state_from_store(self, resource: str, verb: str) -> tuple[str, ArmError | None]:
        found = self._store.get(resource)
        if found is None:
            gone = ArmError(404, "ResourceNotFound", f"{resource} was not found.")
            return ("Succeeded", None) if verb == "DELETE" else ("Failed", gone)
        if found.state == "Failed":
            return "Failed", ArmError(500, "InternalExecutionError", f"{resource} is in a failed state.")
        return found.state, None
