"""One build out of one order, whatever is lost on the way.

Jenkins has no idempotent order: who gets no answer cannot know whether there is a build now. So each order has an identity (parameters that
together no other order has), and before it is sent, or sent again, Jenkins is asked for it. A proxy may hand an order over after it has
told us that it failed: an order that may have arrived is therefore looked for as long as the pace's ``settle`` before it is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import AbortedError
from harness.jenkins.errors import JenkinsError, UnreachableError
from harness.jenkins.job import Build, Job, Ordered
from harness.jenkins.patience import Patience, exhausted


@dataclass(frozen=True)
class Order:
    """What is to be built, once."""

    form: Mapping[str, str]
    """Parameters."""
    identity: Mapping[str, str]
    """Those by which the order is known again; none: any order of the job."""
    parameterized: bool = True
    files: Callable[[], Mapping[str, Path]] = field(default=dict)
    """File parameters; asked for only if something is sent."""
    after: int = 0
    """Orders up to this queue id are others."""
    unsettled: bool = False
    """It may have been sent just now by somebody who has not lived to see the answer."""


@dataclass(frozen=True)
class Placed:
    """An order that Jenkins has."""

    ordered: Ordered
    build: Build | None
    """If it was found and is a build already."""
    sent: bool
    """By this call, as far as we know."""


def place(job: Job, order: Order, patience: Patience, before_sending: Callable[[], None] = lambda: None) -> Placed:
    """Send an order, unless Jenkins has it.

    :param before_sending: called before each time that it is sent.
    :raises JenkinsError: if that fails for good, or until the deadline.
    """
    found = _settled(job, order, patience) if order.unsettled else _found(job, order, patience)
    if found is not None:
        return found
    attempt = 0
    while True:
        before_sending()
        ordered, lost = _sent(job, order, patience)
        if ordered is not None:
            return Placed(ordered, None, sent=True)
        if (lost is None or lost.arrived) and (found := _settled(job, order, patience)):
            return replace(found, sent=True)
        if lost is None:
            raise JenkinsError(
                f"order a build of {job.address.url}",
                awaited="the queue item that it became",
                last_seen="an answer without Location, and no such order in the queue or among the builds",
            )
        _wait(patience, attempt, lost)
        attempt += 1


def _sent(job: Job, order: Order, patience: Patience) -> tuple[Ordered | None, UnreachableError | None]:
    """What it became, if the answer says so; how the answer was lost, if it was."""
    try:
        return job.submit(order.form, order.files(), parameterized=order.parameterized), None
    except UnreachableError as error:
        patience.tell(f"{error.last_seen}{'; looking whether the order has arrived' if error.arrived else ''}")
        return None, error


def _found(job: Job, order: Order, patience: Patience) -> Placed | None:
    found = patience.insist(f"look for an order of {job.address.url}", lambda: job.find(order.identity, order.after))
    return Placed(*found, sent=False) if found else None


def _settled(job: Job, order: Order, patience: Patience) -> Placed | None:
    """Look again and again while it may still arrive; the deadline cuts that off."""
    until = patience.clock() + patience.pace.settle
    attempt = 0
    while True:
        found = _found(job, order, patience)
        pause = min(patience.pace.pause(attempt), max(0.0, until - patience.clock()))
        if found or not pause:
            return found
        if pause >= patience.left:
            raise AbortedError(
                f"order a build of {job.address.url}",
                awaited="whether an order has arrived whose answer was lost, until the deadline",
                last_seen="no such order in the queue or among the builds",
                hint="the same command looks again before it orders anything",
            )
        patience.sleep(pause)
        attempt += 1


def _wait(patience: Patience, attempt: int, error: UnreachableError) -> None:
    try:
        patience.wait(attempt, error.attempted, error.last_seen, error.hint, error.wait)
    except AbortedError as over:
        raise exhausted(error, attempt + 1) from over
