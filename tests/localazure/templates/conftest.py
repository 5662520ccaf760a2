"""A place to deploy to, and a shorthand for evaluating one expression."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from harness.localazure.templates.api import Evaluation, ResourceGroup, Scope
from harness.localazure.templates.engine import evaluate

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-1"
NETWORK = f"{GROUP}/providers/Microsoft.Network"

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For property tests: a busy machine is no failure."""


@pytest.fixture
def scope() -> Scope:
    return Scope(
        subscription=SUBSCRIPTION,
        group=ResourceGroup("rg-1", "westeurope", {"harness-run": "r1"}),
        deployment="cluster",
        tenant="adfs",
        endpoint="https://127.0.0.1:1",
    )


def template(**sections: Any) -> dict[str, Any]:
    """A template with the obligatory sections."""
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
        **sections,
    }


def never(resource_id: str, api_version: str, full: bool, action: str = "") -> dict[str, Any]:
    raise AssertionError(f"looked up {resource_id}")


@pytest.fixture
def run(scope: Scope) -> Callable[..., Evaluation]:
    def evaluated(given: Any = None, /, **sections: Any) -> Evaluation:
        clock = lambda: datetime(2026, 11, 23, 22, 5, 1, tzinfo=UTC)  # noqa: E731
        return evaluate(template(**sections), given, scope, clock=clock)

    return evaluated


@pytest.fixture
def value(run: Callable[..., Evaluation]) -> Callable[..., Any]:
    """The value of an expression, by way of a variable."""

    def evaluated(expression: str, **sections: Any) -> Any:
        resource = {
            "type": "Microsoft.Network/virtualNetworks",
            "apiVersion": "2025-05-01",
            "name": "vnet",
            "properties": {"value": expression},
        }
        return run(resources=[resource], **sections).resources[0].body["properties"]["value"]

    return evaluated
