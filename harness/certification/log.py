"""e2e.log as ginkgo prints it: what is about to run, a mark for each spec, the sum (v2.32 ``reporters/default_reporter.go``)."""

from __future__ import annotations

from harness.certification.evidence import Evidence
from harness.certification.junit import SUITE
from harness.errors import Outcome
from harness.ginkgo.api import SEED, Spec

_MARKS = {Outcome.PASSED: "•", Outcome.FLAKY: "•", Outcome.FAILED: "F"}
_SKIPPED = "S"


def render(evidence: Evidence) -> str:
    """The whole file; marks stand in the order in which e2e.test lists its specs."""
    marks = [_mark(evidence, spec) for spec in evidence.specs]
    skipped, failed = marks.count(_SKIPPED), marks.count("F")
    total, ran = len(marks), len(marks) - skipped
    heading = f"Running Suite: {SUITE} - {evidence.clusters[0].build / 'bin'}"
    status = "FAIL!" if failed else "SUCCESS!"
    return "\n".join(
        [
            heading,
            "=" * len(heading),
            f"Random Seed: {SEED} - will randomize all specs",
            "",
            f"Will run {ran} of {total} specs",
            f"Running in parallel across {evidence.workers} processes",
            "".join(marks),
            "",
            f"Ran {ran} of {total} Specs in {evidence.seconds:.3f} seconds",
            f"{status} -- {ran - failed} Passed | {failed} Failed | 0 Pending | {skipped} Skipped",
            "",
            "",
            f"Ginkgo ran 1 suite in {_go_duration(evidence.seconds)}",
            "Test Suite Failed" if failed else "Test Suite Passed",
            "",
        ]
    )


def _mark(evidence: Evidence, spec: Spec) -> str:
    result = evidence.by_name.get(spec.name)
    return _MARKS.get(result.outcome, _SKIPPED) if result else _SKIPPED


def _go_duration(seconds: float) -> str:
    """``1h53m10.378s``, as Go prints a duration."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [(f"{hours}h", hours), (f"{minutes}m", hours or minutes), (f"{rest:.3f}s", True)]
    return "".join(text for text, shown in parts if shown)
