"""Microsoft.Network/dnsZones and their record sets: kept, not served; so that what outlives a cluster's group can be found and removed.

Source: https://learn.microsoft.com/rest/api/dns (2018-05-01)
"""

from __future__ import annotations

from harness.localazure.arm.api import Arm, Body, Call, Reply, ResourceType, Wanted
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource

ZONE = "Microsoft.Network/dnsZones"
_RECORDS = ("A", "AAAA", "CNAME", "TXT")


def _accept_record(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    if resource_id.parent:
        arm.require(resource_id.parent)
    body["properties"]["fqdn"] = f"{resource_id.names[1]}.{resource_id.names[0]}."
    body["properties"].setdefault("metadata", {})
    return Wanted(body)


async def _record_sets(arm: Arm, zone: Resource, call: Call) -> Reply:
    return Reply(body={"value": [arm.show(found) for found in arm.store.below(zone.id)]})


RESOURCE_TYPES = (
    ResourceType(
        type=ZONE, tracked=False, etag=True, actions={"recordsets": _record_sets, "all": _record_sets}, states=False
    ),
    *(
        ResourceType(type=f"{ZONE}/{kind}", accept=_accept_record, tracked=False, etag=True, states=False)
        for kind in _RECORDS
    ),
)
