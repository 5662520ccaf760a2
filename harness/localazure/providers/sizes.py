"""Sizes of virtual machines, and their SKUs as the compute provider lists them. The table is ``sizes.tsv``.

Source: https://learn.microsoft.com/azure/virtual-machines/sizes
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.localazure.arm.api import Arm, Call, Reply, Route
from harness.localazure.arm.errors import invalid
from harness.localazure.arm.locations import LOCATIONS


@dataclass(frozen=True)
class Size:
    """One size."""

    name: str
    family: str
    cpus: int
    memory_mib: int
    data_disks: int
    nics: int


def _read() -> dict[str, Size]:
    with (Path(__file__).parent / "sizes.tsv").open() as file:
        rows = [
            Size(
                row["size"],
                row["family"],
                int(row["cpus"]),
                int(row["memory_mib"]),
                int(row["data_disks"]),
                int(row["nics"]),
            )
            for row in csv.DictReader(file, delimiter="\t")
        ]
    return {size.name.lower(): size for size in rows}


SIZES = _read()
"""By lower-case name."""


def size_of(name: str) -> Size:
    """The size with this name; raises ``ArmError`` as the compute provider does."""
    if found := SIZES.get(name.lower()):
        return found
    known = ", ".join(size.name for size in SIZES.values())
    raise invalid(
        f"The value {name} provided for the VM size is not valid. The valid sizes are: {known}.", "InvalidParameter"
    )


async def _skus(arm: Arm, call: Call) -> Reply:
    wanted = call.query.get("$filter", "").lower().replace('"', "'").rpartition("location eq ")[2].strip("' ")
    locations = [name for name in LOCATIONS if not wanted or name == wanted]
    return Reply(body={"value": [_sku(arm, size, location) for size in SIZES.values() for location in locations]})


def _sku(arm: Arm, size: Size, location: str) -> dict[str, Any]:
    capabilities = {
        "vCPUs": size.cpus,
        "vCPUsAvailable": size.cpus,
        "MemoryGB": size.memory_mib / 1024,
        "MaxDataDiskCount": size.data_disks,
        "MaxNetworkInterfaces": size.nics,
        "PremiumIO": True,
        "CpuArchitectureType": "x64",
        "HyperVGenerations": "V1,V2",
    }
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.removeprefix("Standard_"),
        "family": size.family,
        "locations": [location],
        "locationInfo": [{"location": location, "zones": ["1", "2", "3"], "zoneDetails": []}],
        "capabilities": [
            {"name": name, "value": f"{value:g}" if isinstance(value, float) else str(value)}
            for name, value in capabilities.items()
        ],
        "restrictions": [] if arm.limits.of(size.name, location, 1) else [_restriction(location)],
    }


def _restriction(location: str) -> dict[str, Any]:
    """As the compute provider marks a size that a location does not offer to this subscription."""
    return {
        "type": "Location",
        "values": [location],
        "restrictionInfo": {"locations": [location]},
        "reasonCode": "NotAvailableForSubscription",
    }


async def _sizes(arm: Arm, call: Call) -> Reply:
    return Reply(
        body={
            "value": [
                {
                    "name": size.name,
                    "numberOfCores": size.cpus,
                    "memoryInMB": size.memory_mib,
                    "maxDataDiskCount": size.data_disks,
                    "osDiskSizeInMB": 1047552,
                    "resourceDiskSizeInMB": 0,
                }
                for size in SIZES.values()
            ]
        }
    )


ROUTES = (
    Route("GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/skus", _skus),
    Route("GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/vmSizes", _sizes),
)
