"""Deleting a resource group, and proving it: "accepted" is not "gone".

On Azure a deletion can be accepted and hang for many minutes, or end with the group still there. So the answer counts only when
a GET says 404 and the group is in no list.
"""

from __future__ import annotations

import time
from datetime import datetime

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient

from harness.clouds.errors import translate, translated
from harness.errors import HarnessError, LeakError, ThrottledError

_FORCED = "Microsoft.Compute/virtualMachines,Microsoft.Compute/virtualMachineScaleSets"
"""Machines are not asked to shut down first: nothing on them is kept."""
_BUSY = frozenset({409, 429, 500, 502, 503, 504})
"""A deletion refused with these is asked for again: locks and running operations clear late."""


def delete_group(client: ResourceManagementClient, name: str, deadline: datetime, pause: float) -> None:
    """Delete and prove it; a group that does not exist is gone already.

    :param pause: seconds between looks.
    :raises LeakError: at the deadline, naming what is left.
    """
    attempted = f"delete resource group {name}"
    begun = time.monotonic()
    last = ""
    asked = False
    while True:
        try:
            if not asked:
                client.resource_groups.begin_delete(name, force_deletion_types=_FORCED, polling=False)
                asked = True
            state = _state(client, name)
            if not state and not _listed(client, name):
                return
            last = f"the group is {state or 'still listed'}"
            asked = state == "Deleting"  # a deletion that failed leaves the group as it was: ask again
        except ResourceNotFoundError:
            asked = True  # by the deletion itself: nothing to delete; the proof follows in the next round
        except HttpResponseError as error:
            if error.status_code not in _BUSY:
                raise translate(error, attempted) from error
            last = str(translate(error, attempted).last_seen)
        if time.time() >= deadline.timestamp():
            raise _left_behind(client, name, time.monotonic() - begun, last)
        time.sleep(pause)


def _state(client: ResourceManagementClient, name: str) -> str:
    """``provisioningState``, or empty when a GET says 404."""
    try:
        group = client.resource_groups.get(name)
    except ResourceNotFoundError:
        return ""
    return (group.properties.provisioning_state if group.properties else None) or "there"


def _listed(client: ResourceManagementClient, name: str) -> bool:
    return any((group.name or "").lower() == name.lower() for group in client.resource_groups.list())


def _left_behind(client: ResourceManagementClient, name: str, spent: float, last: str) -> HarnessError:
    attempted = f"delete resource group {name}"
    try:
        with translated(attempted):
            left = [f"{item.type}/{item.name}" for item in client.resources.list_by_resource_group(name)]
    except ThrottledError as error:
        return error
    except (HarnessError, AzureError) as error:
        left = [f"(its resources cannot be listed: {error})"]
    return LeakError(
        attempted,
        awaited=f"404 and no entry in the list, {spent:.0f} s",
        last_seen="; ".join([last, *left]),
        hint="run `harness sweep` when the cloud has calmed down",
    )
