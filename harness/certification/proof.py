"""Whether what ran is what conformance asks for: executed specs against conformance.yaml of the same build, by name.

A spec counts as executed when it ended by itself, passed or failed; one that was skipped, cut off or lost does not. Names are compared
without their labels, as everywhere in the harness; the full texts of both are the same in e2e.test of v1.35 to v1.37.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import Outcome, ProofError
from harness.ginkgo.inventory import stable_name
from harness.reporting.api import TestResult

EXECUTED = frozenset({Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY})
_SHOWN = 3


@dataclass(frozen=True)
class Proof:
    """The comparison for one cell; names are stable names, sorted."""

    required: int
    missing: Mapping[str, str]
    """Specs that conformance asks for and that were not executed -> why."""
    extra: tuple[str, ...]
    """Specs that were executed as conformance and that it does not ask for."""

    def without(self, left_out: Iterable[str]) -> Proof:
        """The same, with these no longer counted as missing: somebody chose to leave them out."""
        chosen = frozenset(left_out)
        missing = {name: why for name, why in self.missing.items() if name not in chosen}
        return Proof(self.required, missing, self.extra)

    def check(self) -> None:
        """Raise ``ProofError`` that names what is missing and what is extra; all names are in its log."""
        if not self.missing and not self.extra:
            return
        parts = [_named(f"of {self.required} specs did not run", self.missing)] if self.missing else []
        parts += [_named("ran that conformance does not ask for", self.extra)] if self.extra else []
        lines = [f"missing: {name} ({why})" for name, why in self.missing.items()]
        lines += [f"extra: {name}" for name in self.extra]
        raise ProofError(
            "prove that conformance.yaml of this build ran", last_seen="; ".join(parts), log_tail="\n".join(lines)
        )


def compare(required: Iterable[str], results: Iterable[TestResult]) -> Proof:
    """The proof that these results of one cell's conformance suite amount to.

    :param required: full texts, as :func:`harness.builds.conformance.required_specs` gives them.
    """
    wanted = {stable_name(text) for text in required}
    by_name = {result.name: result for result in results if is_spec(result)}
    executed = {name for name, result in by_name.items() if result.outcome in EXECUTED}
    missing = {name: _why(by_name.get(name)) for name in sorted(wanted - executed)}
    return Proof(len(wanted), missing, tuple(sorted(executed - wanted)))


def is_spec(result: TestResult) -> bool:
    """Whether it is one of upstream's, and no Python test beside them."""
    return "specs.yaml::" in result.nodeid


def _why(result: TestResult | None) -> str:
    if result is None:
        return "not selected, or no result was recorded"
    return f"{result.outcome}: {result.message}".rstrip(": ")


def _named(what: str, names: Iterable[str]) -> str:
    """``2 of 462 specs did not run: NAME, NAME``."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"{len(listed)} {what}: {', '.join(listed[:_SHOWN])}{more}"
