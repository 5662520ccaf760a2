"""Microsoft.Network/privateLinkServices: the cloud provider lists them when it deletes a load balancer; local Azure makes none."""

from __future__ import annotations

from harness.localazure.arm.api import Arm, Body, ResourceType, Wanted
from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.ids import ResourceId
from harness.localazure.arm.store import Resource


def _accept(arm: Arm, resource_id: ResourceId, body: Body, before: Resource | None) -> Wanted:
    raise ArmError(
        400, "FeatureNotSupported", "Local Azure has no private link services; it only lists that there are none."
    )


RESOURCE_TYPES = (ResourceType(type="Microsoft.Network/privateLinkServices", accept=_accept, etag=True),)
