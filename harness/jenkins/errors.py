"""What Jenkins, or what lies before it, can answer instead of what was asked for: one class for each thing to do about it."""

from __future__ import annotations

from typing import Any

from harness.errors import HarnessError, Outcome


class JenkinsError(HarnessError):
    """Jenkins answered something that nobody expects."""

    outcome = Outcome.CLOUD


class UnreachableError(JenkinsError):
    """No answer of Jenkins' own: cut, refused, timed out, or from a proxy. The same may work later.

    :param arrived: Jenkins may have got the request, and done what it says.
    :param wait: seconds that whoever answered asks us to wait.
    """

    def __init__(self, attempted: str, *, arrived: bool, wait: float = 0.0, **said: Any) -> None:
        super().__init__(attempted, **said)
        self.arrived = arrived
        self.wait = wait


class RefusedError(JenkinsError):
    """Jenkins does not let us: who we are, or what we may, is not enough."""

    outcome = Outcome.ABORTED


class MissingError(JenkinsError):
    """There is no such thing, or we may not see it."""

    outcome = Outcome.ABORTED


class RejectedError(JenkinsError):
    """The request is wrong: a job that takes no parameters, one that is disabled."""

    outcome = Outcome.ABORTED


class LostError(JenkinsError):
    """What was in the queue is nowhere any more: Jenkins was killed before it had saved its queue."""
