"""How much a location has free, and what a cluster takes from it; the numbers come from :mod:`harness.clouds.capacity`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.clouds import codes
from harness.errors import HarnessError, QuotaError


@dataclass(frozen=True)
class Demand:
    """What bringing something up takes from the quotas."""

    machines: int
    addresses: int
    """Public addresses."""


@dataclass(frozen=True)
class Room:
    """What one location has free for machines of one size."""

    location: str
    size: str
    cores: int
    """Cores of one machine."""
    free_cores: int
    """Of all sizes, or of the size's family if those are fewer."""
    free_addresses: int
    refusal: str = ""
    """Why no machine of this size can be made there at all; empty if it can."""
    offered: bool = True
    """The location knows the size."""

    @property
    def machines(self) -> int:
        """How many more machines fit."""
        return 0 if self.refusal else max(0, self.free_cores) // self.cores

    def without(self, demand: Demand) -> Room:
        """What is left when this is taken, or with negative numbers given back."""
        return replace(
            self,
            free_cores=self.free_cores - demand.machines * self.cores,
            free_addresses=self.free_addresses - demand.addresses,
        )

    def lacks(self, demand: Demand) -> str:
        """What is missing for this, in numbers; empty if it fits."""
        if self.refusal:
            return self.refusal
        needed = demand.machines * self.cores
        parts = []
        if needed > self.free_cores:
            parts.append(f"{needed} cores for {demand.machines} x {self.size}, {max(0, self.free_cores)} free")
        if demand.addresses > self.free_addresses:
            parts.append(f"{demand.addresses} public addresses, {max(0, self.free_addresses)} free")
        return f"{self.location} lacks room: {'; '.join(parts)}" if parts else ""


def settled(error: HarnessError, room: Room) -> HarnessError:
    """The error, or a ``QuotaError`` in its place if not one more machine fits: numbers, where the code may mean anything."""
    if room.machines:
        return error
    return QuotaError(
        error.attempted,
        code=error.code,
        awaited=error.awaited,
        last_seen=f"{error.last_seen}; {room.lacks(Demand(1, 0))}",
        hint=codes.QUOTA.hint,
        log_tail=error.log_tail,
        remedy=codes.QUOTA.remedy,
    )
