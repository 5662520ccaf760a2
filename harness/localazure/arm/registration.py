"""Whether the subscription uses a resource provider: registered unless somebody unregistered it, and then nothing of it can be made.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types
"""

from __future__ import annotations

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.store import Store

REGISTERED, UNREGISTERED = "Registered", "NotRegistered"


def registration(store: Store, namespace: str) -> str:
    """``registrationState``."""
    return store.fact(f"registration/{namespace.lower()}") or REGISTERED


def set_registration(store: Store, namespace: str, state: str) -> None:
    store.remember(f"registration/{namespace.lower()}", state)


def check_registered(store: Store, namespace: str) -> None:
    """Raise ``ArmError`` 409 as ARM does for a provider that is not registered."""
    if registration(store, namespace) != REGISTERED:
        raise ArmError(
            409,
            "MissingSubscriptionRegistration",
            f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to "
            "register subscriptions.",
        )
