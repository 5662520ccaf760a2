"""From an order to the end of its build, with its log as it comes."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import partial

from harness.errors import AbortedError, Outcome
from harness.jenkins.errors import LostError, MissingError
from harness.jenkins.job import Build, Job, Ordered
from harness.jenkins.patience import Patience

Show = Callable[[str], None]
"""Takes text of the log, in pieces of any size."""
_GOES_ON = "it goes on without us; the address shows it"


def number_of(job: Job, ordered: Ordered, patience: Patience) -> int:
    """The number of the build that an order becomes.

    :raises AbortedError: if somebody takes it out of the queue, or at the deadline.
    :raises LostError: if it is neither in the queue nor among the builds any more.
    """
    what = f"wait for a build of {job.address.url}"
    attempt, told, gone_since = 0, "", None
    while not ordered.number:
        item = patience.insist(what, lambda: job.item(ordered.queue_id))
        if item and item.cancelled:
            raise AbortedError(what, last_seen=f"queue item {item.id} was cancelled", hint="trigger it again")
        if item and item.number:
            return item.number
        if item is None:
            build = patience.insist(what, lambda: job.by_queue_id(ordered.queue_id))
            if build:
                return build.number
            gone_since = patience.clock() if gone_since is None else gone_since
            if patience.clock() - gone_since >= patience.pace.settle:
                raise LostError(
                    what,
                    awaited=f"queue item {ordered.queue_id}",
                    last_seen="Jenkins knows it no longer, nor a build of it",
                )
        why = item.why if item else "Jenkins has forgotten the queue item; looking among the builds"
        if why and why != told:
            told = why
            patience.tell(f"waiting: {why}")
        patience.wait(attempt, what, why, "it stays in the queue")
        attempt += 1
    return ordered.number


def follow(job: Job, number: int, patience: Patience, show: Show) -> Build:
    """Stay with a build to its end; a cut connection or a restart of Jenkins loses no line and repeats none.

    :raises AbortedError: at the deadline.
    :raises LostError: if the build is deleted.
    """
    what = f"follow build {number} of {job.address.url}"
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    start = attempt = 0
    while True:
        try:
            chunk = patience.insist(what, partial(job.log, number, start))
            build = None if chunk.more else patience.insist(what, lambda: job.build(number))
        except MissingError as error:
            raise LostError(what, last_seen="there is no such build any more") from error
        show(decoder.decode(chunk.data))
        if build and not build.building:
            return build
        attempt = 0 if chunk.data else attempt + 1
        start = chunk.end
        patience.wait(attempt, what, "it is still building", _GOES_ON)


def outcome(job: Job, build: Build, patience: Patience) -> Outcome:
    """What the result of a build says in the harness' own words.

    A build FAILs both if tests of its product fail and if it could not test: the test results tell these apart. A cell that did not come up
    is red among them as well, and no test of the product.
    """
    if build.result == "FAILURE":
        failed = patience.insist(f"read the tests of {build.url}", lambda: job.failed_tests(build.number))
        return Outcome.FAILED if failed else Outcome.CLOUD
    return {
        "SUCCESS": Outcome.PASSED,
        "UNSTABLE": Outcome.FAILED,
        "NOT_BUILT": Outcome.SKIPPED,
    }.get(build.result, Outcome.ABORTED)
