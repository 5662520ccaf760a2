"""A job, triggered and stayed with: again only where infrastructure failed, and never beyond the deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.errors import INFRASTRUCTURE, Outcome
from harness.jenkins.errors import LostError
from harness.jenkins.follow import Show, follow, number_of, outcome
from harness.jenkins.job import Build, Job
from harness.jenkins.patience import Patience
from harness.jenkins.trigger import Order, Placed, place


@dataclass(frozen=True)
class Ended:
    """A build and what it says."""

    build: Build
    outcome: Outcome


def run(
    job: Job, order: Order, patience: Patience, retries: int, show: Show, placed: Callable[[Placed], None]
) -> Ended:
    """Trigger, and wait for the end.

    :param retries: how many more builds there may be after one that failed for reasons of the infrastructure.
    :param placed: told of each order that Jenkins has.
    """
    while True:
        found = place(job, order, patience)
        placed(found)
        queue_id, said = found.ordered.queue_id, ""
        try:
            build = follow(job, number_of(job, found.ordered, patience), patience, show)
            ended = Ended(build, outcome(job, build, patience))
            if ended.outcome not in INFRASTRUCTURE or not retries:
                return ended
            said = f"{build.url} ended as {build.result} without failed tests"
        except LostError as error:
            if not retries:
                raise
            said = error.last_seen
        patience.tell(f"{said}; triggering it again, {retries} left")
        retries -= 1
        order = replace(order, after=max(order.after, queue_id))
