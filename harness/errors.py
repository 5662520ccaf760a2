"""The one error tree of the harness.

Every error says what was attempted, what was awaited and for how long, what was last seen, and what to do next, and it
belongs to exactly one outcome class. The class decides the exit code, how the failure is shown in JUnit and whether it may
be retried; it is never guessed from prose.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a test, a phase or a run."""

    PASSED = "passed"
    FAILED = "failed"
    """The product under test misbehaved."""
    FLAKY = "flaky"
    """Failed first, passed when repeated."""
    SKIPPED = "skipped"
    BUILD = "build"
    """The Kubernetes under test could not be built."""
    DEPLOY = "deploy"
    """The cluster did not come up or was not ready in time."""
    QUOTA = "quota"
    THROTTLED = "throttled"
    CLOUD = "cloud"
    """The cloud failed or refused for another reason."""
    HARNESS = "harness"
    """A defect of this program."""
    ABORTED = "aborted"
    """Cut off by a signal or by the deadline."""
    LEAK = "leak"
    """Resources were left behind."""


INFRASTRUCTURE = frozenset({Outcome.BUILD, Outcome.DEPLOY, Outcome.QUOTA, Outcome.THROTTLED, Outcome.CLOUD})
"""Outcomes that say nothing about the product under test."""

EXIT_CODES: dict[Outcome, int] = {
    Outcome.PASSED: 0,
    Outcome.FLAKY: 0,
    Outcome.SKIPPED: 5,
    Outcome.FAILED: 1,
    Outcome.ABORTED: 2,
    Outcome.BUILD: 3,
    Outcome.DEPLOY: 3,
    Outcome.QUOTA: 3,
    Outcome.THROTTLED: 3,
    Outcome.CLOUD: 3,
    Outcome.HARNESS: 4,
    Outcome.LEAK: 6,
}
"""Exit code of a run by its worst outcome; ``SKIPPED`` stands for "nothing ran"."""


class Remedy(StrEnum):
    """What may help after a failure without a person: decided with its class, by the service's own error code."""

    NONE = "none"
    """Nothing: the same would happen again, or it is the product that fails."""
    AGAIN = "again"
    """The same once more under a new name: it was bad luck, or the name was taken."""
    ELSEWHERE = "elsewhere"
    """Another location: this one has no room."""
    LATER = "later"
    """Waiting: the service wants fewer requests."""


class HarnessError(Exception):
    """Any failure the harness can name.

    :param attempted: what was being done, in the infinitive ("create resource group h-1").
    :param code: the service's own error code (``error.code`` of ARM's body), empty if there was none.
    :param awaited: the condition that was waited for, with its limit ("node w-1 Ready, 300 s").
    :param last_seen: the last state or message observed.
    :param hint: what the person should do next.
    :param log_tail: the evidence: the last lines of the log that explains the failure, or all that the service said.
    :param remedy: what may help without a person.
    """

    outcome: Outcome = Outcome.HARNESS

    def __init__(
        self,
        attempted: str,
        *,
        code: str = "",
        awaited: str = "",
        last_seen: str = "",
        hint: str = "",
        log_tail: str = "",
        remedy: Remedy = Remedy.NONE,
    ) -> None:
        self.attempted = attempted
        self.code = code
        self.awaited = awaited
        self.last_seen = last_seen
        self.hint = hint
        self.log_tail = log_tail
        self.remedy = remedy
        super().__init__(attempted)

    def __str__(self) -> str:
        parts = [self.attempted]
        if self.awaited:
            parts.append(f"waited for {self.awaited}")
        if self.last_seen:
            parts.append(f"last seen: {self.last_seen}")
        if self.hint:
            parts.append(self.hint)
        return "; ".join(parts)


class UsageError(HarnessError):
    """Wrong input, found before anything was created; one line: what, where, what is allowed, what to do. Exit code 2."""

    outcome = Outcome.ABORTED


class BuildError(HarnessError):
    """A source did not become a build."""

    outcome = Outcome.BUILD


class DeployError(HarnessError):
    """A cluster did not come up, or was not ready and steady in time."""

    outcome = Outcome.DEPLOY


class QuotaError(HarnessError):
    """The subscription or location has no room."""

    outcome = Outcome.QUOTA


class ThrottledError(HarnessError):
    """The cloud asked us to slow down for longer than the deadline allows."""

    outcome = Outcome.THROTTLED


class CloudError(HarnessError):
    """The cloud refused or failed."""

    outcome = Outcome.CLOUD


class AbortedError(HarnessError):
    """Cut off by a signal or by the deadline."""

    outcome = Outcome.ABORTED


class LeakError(HarnessError):
    """Resources were left behind. ``last_seen`` names them."""

    outcome = Outcome.LEAK


class ProofError(HarnessError):
    """What ran is not what conformance asks for. ``last_seen`` names what is missing or extra."""

    outcome = Outcome.FAILED
