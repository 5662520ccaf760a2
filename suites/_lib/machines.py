"""Machines of the cluster, as Azure's clients start and stop them."""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import ServiceResponseError

from harness.clusters.api import Cluster


def restart(compute: Any, cluster: Cluster, machine: str) -> None:
    """Restart a machine, to the end of it.

    The SDK repeats no POST. If its answer was lost nobody knows whether it was heard, and to restart once more does no harm.
    """
    try:
        compute.virtual_machines.begin_restart(cluster.group, machine).result()
    except ServiceResponseError:
        compute.virtual_machines.begin_restart(cluster.group, machine).result()
