"""Upstream's specs as values: what e2e.test offers (inventory), which of them a suite wants, and what became of one.

Facts about ginkgo's parallel protocol: its source, v2.32 ``internal/parallel_support``; e2e.test's flags: v1.37.2
``test/e2e/framework/test_context.go``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SEED = 1
"""Seed of every e2e.test process and of the dry run: the same seed and filter give the same order, and so the same indexes."""

EVERYTHING = "Conformance || !Conformance"
"""Label filter that is always true: without a filter e2e.test silently skips Flaky and Feature specs."""


@dataclass(frozen=True)
class Spec:
    """One ginkgo ``It`` of an e2e.test binary."""

    index: int
    """Position among the parallel groups (serial specs left out), or among the serial list; -1 if it cannot be run alone."""
    name: str
    """Full text without the labels appended to it, e.g. ``[sig-apps] Job should delete a job``; stable when labels are reordered."""
    text: str
    """Full text exactly as ginkgo prints it."""
    labels: frozenset[str]
    location: str
    """``test/e2e/apps/job.go:123``."""
    serial: bool


@dataclass(frozen=True)
class Step:
    """One ``By`` of a spec."""

    text: str
    at: float
    """Seconds since the spec began."""


@dataclass(frozen=True)
class SpecResult:
    """What became of a spec in one process."""

    state: Literal["passed", "failed", "skipped", "timedout", "panicked", "interrupted", "aborted", "pending", "lost"]
    """ginkgo's words; ``lost`` when the process died under it."""
    seconds: float
    message: str
    """Failure message, skip reason, or the process's last lines when lost."""
    location: str
    """Where it failed."""
    output: str
    """Captured GinkgoWriter and standard output."""
    steps: tuple[Step, ...]
