"""A look at cluster and cloud, and what of it is left beyond the baseline."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from harness.clouds.api import Cloud
from harness.clusters.api import Cluster
from harness.clusters.kube import UNREACHABLE, describe, open_client
from harness.clusters.leftovers.api import Baseline, Found, Thing
from harness.clusters.leftovers.objects import objects
from harness.clusters.leftovers.resources import owned, resources
from harness.errors import HarnessError

PATIENCE = 60.0
"""Seconds that a deletion may take before it counts as one that does not end: pods alone get 30."""


def look(cloud: Cloud, cluster: Cluster) -> Found:
    """Everything there is now; what cannot be asked for is a problem and no error."""
    things: list[Thing] = []
    problems: list[str] = []
    try:
        with closing(open_client(cluster.kubeconfig)) as api:
            found = objects(api)
        things += found.things
        problems += found.problems
    except UNREACHABLE as error:
        problems.append(f"the API server: {describe(error)}")
    try:
        things += resources(cloud, cluster.group)
    except HarnessError as error:
        problems.append(str(error))
    return Found(tuple(owned(things)), tuple(problems))


def take_baseline(cloud: Cloud, cluster: Cluster, path: Path) -> None:
    """Write down what is there; to be called when the cluster is ready and nobody uses it yet."""
    found = look(cloud, cluster)
    Baseline(frozenset(thing.key for thing in found.things), found.problems).save(path)


def left(found: Found, baseline: Baseline, now: float) -> tuple[Thing, ...]:
    """What was not there at first and is not just going.

    :param now: Unix time.
    """
    going = {thing.name for thing in found.things if thing.kind == "Namespace" and _is_going(thing, now)}
    return tuple(
        thing for thing in beyond(found, baseline) if thing.namespace not in going and not _is_going(thing, now)
    )


def beyond(found: Found, baseline: Baseline) -> tuple[Thing, ...]:
    """What was not there at first, without what is merely in a namespace that was not there either."""
    return tuple(thing for thing in found.things if thing.key not in baseline.keys and _has_place(thing, baseline))


def _has_place(thing: Thing, baseline: Baseline) -> bool:
    """Whether it is not merely in a namespace that is left itself."""
    return not thing.namespace or thing.cloud or f"namespace//{thing.namespace}" in baseline.keys


def _is_going(thing: Thing, now: float) -> bool:
    return bool(thing.deleting) and now - thing.deleting < PATIENCE
