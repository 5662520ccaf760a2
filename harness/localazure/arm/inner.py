"""What ARM asks of resource providers by itself, for a deployment or a group's deletion: it meets faults, and is in the journal.

On the public cloud most failures of a bring-up happen here: the client's one PUT of a deployment succeeds, and the machine that it
names finds no capacity.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.errors import HarnessError
from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.faults.api import Asked, Making, Met
from harness.localazure.arm.faults.calls import call_name, group_in
from harness.localazure.arm.faults.faults import Faults
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.journal import Entry, Journal
from harness.localazure.arm.locations import short_name
from harness.localazure.arm.store import Store

ARM = "arm"
"""Who asks, in the journal."""


class InnerCalls:
    """Implements :class:`harness.localazure.arm.engine.Inner`."""

    def __init__(self, store: Store, faults: Faults, journal: Journal) -> None:
        self._store = store
        self._faults = faults
        self._journal = journal

    @asynccontextmanager
    async def meet(self, method: str, resource_id: ResourceId, location: str) -> AsyncIterator[Making]:
        """See :class:`harness.localazure.arm.engine.Inner`."""
        began, at, path = time.perf_counter(), time.time(), str(resource_id)
        call = call_name(self._store, method, path)
        met = self._faults.meet(Asked(method, path, call, group_in(path), short_name(location), wire=False))
        status, code = 200, ""
        try:
            yield await _making(met)
        except HarnessError as error:
            status, code = (
                (error.status, error.code) if isinstance(error, ArmError) else (500, "InternalExecutionError")
            )
            raise
        finally:
            self._journal.add(
                Entry(
                    at=at,
                    method=method,
                    path=path,
                    query="",
                    status=status,
                    code=code,
                    milliseconds=round((time.perf_counter() - began) * 1000, 3),
                    principal=ARM,
                    client="",
                    correlation="",
                    fault=met.kind if met else "",
                    call=call,
                )
            )


async def _making(met: Met | None) -> Making:
    if met is None:
        return Making()
    await asyncio.sleep(met.effect.wait)
    if met.effect.refuse:
        raise met.effect.refuse
    return met.effect.making
