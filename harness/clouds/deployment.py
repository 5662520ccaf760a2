"""Template deployments, run to their end; a failed one says which of its resources failed and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.polling import LROPoller
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.deployments.models import Deployment, DeploymentParameter, DeploymentProperties

from harness.clouds.errors import Detail, details_of, details_of_body, from_details, translate, translated
from harness.clouds.limit import carried, limited
from harness.clouds.polling import result_of
from harness.errors import HarnessError


def deploy(
    client: DeploymentsMgmtClient,
    group: str,
    name: str,
    template: Mapping[str, Any],
    parameters: Mapping[str, Any],
    deadline: datetime,
) -> Mapping[str, Any]:
    """Run the deployment; returns its outputs as name -> value.

    :raises HarnessError: of the class of what failed, with the failed operations; ``DeployError`` at the deadline, ``ThrottledError``
        when Azure lets us ask no more before it.
    """
    attempted = f"deploy {name} to {group}"
    body = Deployment(
        properties=DeploymentProperties(
            mode="Incremental",
            template=dict(template),
            parameters={key: DeploymentParameter(value=value) for key, value in parameters.items()},
        )
    )
    with limited(deadline):
        with translated(attempted):
            poller: LROPoller[Any] = client.deployments.begin_create_or_update(group, name, body, **carried())
        try:
            result = result_of(poller, attempted, deadline)
        except HttpResponseError as error:
            raise from_details(attempted, [*details_of(error), *_failed(client, group, name)]) from error
        except AzureError as error:
            raise translate(error, attempted) from error
    outputs: Mapping[str, Any] = (result.properties.outputs if result.properties else None) or {}
    return {key: output.get("value") for key, output in outputs.items()}


def _failed(client: DeploymentsMgmtClient, group: str, name: str) -> list[Detail]:
    """Codes and messages of the operations that failed; none if they cannot be read."""
    found: list[Detail] = []
    try:
        for operation in client.deployment_operations.list(group, name):
            properties = operation.properties
            if properties is None or properties.provisioning_state != "Failed":
                continue
            what = properties.target_resource.resource_name if properties.target_resource else "?"
            error = properties.status_message.error if properties.status_message else None
            if error is not None:
                details = details_of_body(error.as_dict())
                found += [(code, f"{what}: {message}") for code, message in details]
    except (AzureError, HarnessError):  # the deployment's own error is what matters
        return found
    return found
