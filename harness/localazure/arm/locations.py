"""The locations that local Azure offers: a few of the public cloud's, so that matrices over locations mean something."""

from __future__ import annotations

LOCATIONS: dict[str, str] = {
    "westeurope": "West Europe",
    "northeurope": "North Europe",
    "germanywestcentral": "Germany West Central",
    "swedencentral": "Sweden Central",
    "uksouth": "UK South",
    "eastus": "East US",
    "eastus2": "East US 2",
    "centralus": "Central US",
    "westus2": "West US 2",
    "westus3": "West US 3",
    "southeastasia": "Southeast Asia",
    "australiaeast": "Australia East",
}
"""Name -> display name."""


def short_name(location: str) -> str:
    """``West Europe`` -> ``westeurope``; ARM takes either."""
    return location.replace(" ", "").lower()
